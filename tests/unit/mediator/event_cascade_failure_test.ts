import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  EventCycleError,
  EventHandlingError,
  handlers,
  memoryBroker,
  notification,
  type Publisher,
  PublishError,
  type PublishResult,
  streamRequest,
  type,
} from "../../../mod.ts";
import { bodyOf, recorder, settled } from "./support.ts";

const Start = command("start").returns<string>();
const Items = streamRequest("items").yields<string>();
const Ticked = domainEvent("ticked", type<number>());
const Followed = domainEvent("followed", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });

/** The error with which a promise rejects, which must be an {@linkcode EventHandlingError}. */
async function eventHandlingError(promise: Promise<unknown>): Promise<EventHandlingError> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof EventHandlingError, `Got ${String(error)}`);
  return error;
}

/** A registry whose command emits `Ticked` from 1 to 3. */
const starting = handlers().on(Start, (_data, { emit }) => {
  emit(Ticked(1), Ticked(2), Ticked(3));
  return "started";
});

for (const concurrency of [1, 2, 10]) {
  const limit = `with a limit of ${concurrency}`;

  Deno.test(`when one handler fails the others run to their end, ${limit}`, async () => {
    const log: string[] = [];
    const app = bootstrap(
      starting.on(Ticked, async (n) => {
        if (n === 1) throw new Error("First");
        await settled();
        log.push(`x${n}`);
      }, async (n) => {
        await settled();
        log.push(`y${n}`);
      }),
      { eventHandling: { concurrency } },
    );
    await eventHandlingError(app.send(Start()));
    assert.deepEqual(log.toSorted(), ["x2", "x3", "y1", "y2", "y3"]);
  });

  Deno.test(`when one handler fails the follow-ups of the others are handled and published, ${limit}`, async () => {
    const broker = memoryBroker();
    const followed: number[] = [];
    const app = bootstrap(
      starting
        .on(Ticked, (n, { emit }) => {
          emit(Followed(n), Told(n));
          if (n === 2) throw new Error("Second");
        })
        .on(Followed, (n) => void followed.push(n)),
      { broker, eventHandling: { concurrency } },
    );
    await eventHandlingError(app.send(Start()));
    assert.deepEqual(followed, [1, 3]);
    assert.deepEqual(broker.messages("news").map(bodyOf), [1, 3]);
  });
}

Deno.test('onError "throw" throws one error with every cause and the result of the command', async () => {
  const errors = [1, 2, 3].map((n) => new Error(`Handler ${n}`));
  const app = bootstrap(starting.on(Ticked, (n) => {
    throw errors[n - 1];
  }));
  const error = await eventHandlingError(app.send(Start()));
  assert.equal(error.code, "event_handling");
  assert.equal(error.result, "started");
  assert.deepEqual(error.errors, errors);
  assert.equal(error.cause, errors[0]);
  assert.deepEqual(error.failures.map(({ event }) => event.data), [1, 2, 3]);
  assert.equal(error.message, 'Cannot complete the handling of event "ticked" and 2 more');
});

Deno.test("the failures are in the order of emission, whichever handler failed first", async () => {
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(starting.on(Ticked, async (n) => {
    if (n === 3) gate.resolve();
    else await gate.promise;
    if (n === 1) await settled();
    throw n;
  }));
  assert.deepEqual((await eventHandlingError(app.send(Start()))).errors, [1, 2, 3]);
});

Deno.test("the failures are ordered level by level", async () => {
  const app = bootstrap(
    starting
      .on(Ticked, (n, { emit }) => {
        if (n === 3) throw new Error("level 1");
        emit(Followed(n));
      })
      .on(Followed, (n) => {
        throw new Error(`level 2, ${n}`);
      }),
  );
  const { errors } = await eventHandlingError(app.send(Start()));
  assert.deepEqual(errors.map((error) => (error as Error).message), [
    "level 1",
    "level 2, 1",
    "level 2, 2",
  ]);
});

Deno.test("what several handlers of one event throw is all there", async () => {
  const first = new Error("First");
  const app = bootstrap(
    handlers().on(
      Ticked,
      () => {
        throw first;
      },
      () => Promise.reject("second"),
    ),
  );
  assert.deepEqual((await eventHandlingError(app.dispatch(Ticked(1)))).errors, [first, "second"]);
});

Deno.test('onError "isolate" lets the call succeed and tells the observer of every failure', async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    starting.on(Ticked, (n) => {
      throw n;
    }),
    { observer, eventHandling: { onError: "isolate" } },
  );
  assert.equal(await app.send(Start()), "started");
  assert.deepEqual(of("failed").map(({ error }) => error), [1, 2, 3]);
});

Deno.test('onError "isolate" holds for dispatch() and emit() as well', async () => {
  const app = bootstrap(
    handlers().on(Ticked, () => {
      throw new Error("Failed");
    }),
    { eventHandling: { onError: "isolate" } },
  );
  await app.dispatch(Ticked(1));
  await app.emit(Ticked(1));
});

Deno.test('onError "isolate" holds for streams as well', async () => {
  const app = bootstrap(
    handlers()
      .on(Items, async function* (_data, { emit }) {
        emit(Ticked(1));
        yield "a";
        emit(Ticked(2));
        yield "b";
      })
      .on(Ticked, () => {
        throw new Error("Failed");
      }),
    { eventHandling: { onError: "isolate" } },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), ["a", "b"]);
});

Deno.test('onError "isolate" does not isolate the failure of the request itself', async () => {
  const app = bootstrap(
    handlers().on(Start, () => {
      throw new Error("Failed");
    }),
    { eventHandling: { onError: "isolate" } },
  );
  await assert.rejects(app.send(Start()), { message: "Failed" });
});

Deno.test("the failed events of a nested send reach the handler that sent it", async () => {
  const Outer = command("outer").returns<string>();
  const app = bootstrap(
    starting
      .on(Outer, async (_data, { send }) => {
        const { result } = await eventHandlingError(send(Start()));
        return `knows of ${result}`;
      })
      .on(Ticked, () => {
        throw new Error("Failed");
      }),
  );
  assert.equal(await app.send(Outer()), "knows of started");
});

Deno.test("events that cause each other in a circle end with an error that names the way", async () => {
  const { observer, of } = recorder();
  let handled = 0;
  const app = bootstrap(
    handlers()
      .on(Start, (_data, { emit }) => {
        emit(Ticked(1));
        return "started";
      })
      .on(Ticked, (n, { emit }) => {
        handled++;
        emit(Followed(n + 1));
      })
      .on(Followed, (n, { emit }) => {
        handled++;
        emit(Ticked(n + 1));
      }),
    { observer, eventHandling: { maxDepth: 3 } },
  );
  const { errors } = await eventHandlingError(app.send(Start()));
  assert.equal(handled, 3);
  assert.equal(errors.length, 1);
  const [error] = errors;
  assert.ok(error instanceof EventCycleError);
  assert.deepEqual(error.path, ["ticked", "followed", "ticked", "followed"]);
  assert.match(error.message, /ticked > followed > ticked > followed/);
  const drops = of("dropped");
  assert.deepEqual(drops.map(({ reason }) => reason), ["event_cycle"]);
  assert.deepEqual(drops[0]?.messages.map(({ data }) => data), [4]);
});

Deno.test("a cascade as deep as the limit is handled to its end", async () => {
  let handled = 0;
  const app = bootstrap(
    handlers().on(Ticked, (n, { emit }) => {
      handled++;
      if (n < 3) emit(Ticked(n + 1));
    }),
    { eventHandling: { maxDepth: 3 } },
  );
  await app.dispatch(Ticked(1));
  assert.equal(handled, 3);
});

Deno.test("a cascade ends after 32 levels by default", async () => {
  let handled = 0;
  const app = bootstrap(
    handlers().on(Ticked, (n, { emit }) => {
      handled++;
      emit(Ticked(n + 1));
    }),
  );
  await eventHandlingError(app.dispatch(Ticked(1)));
  assert.equal(handled, 32);
});

Deno.test("every event beyond the limit is dropped by itself, once however many handlers it has", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Ticked, (n, { emit }) => emit(Followed(n), Followed(n + 1)))
      .on(Followed, () => assert.fail("handled"), () => assert.fail("handled")),
    { observer, eventHandling: { maxDepth: 1 } },
  );
  const { failures } = await eventHandlingError(app.dispatch(Ticked(1)));
  assert.deepEqual(failures.map(({ event }) => event.data), [1, 2]);
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [
    1,
    2,
  ]);
});

Deno.test("the notifications of a cascade that was cut off are published", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Ticked, (n, { emit }) => emit(Told(n), Ticked(n + 1))),
    { broker, eventHandling: { maxDepth: 2 } },
  );
  await eventHandlingError(app.dispatch(Ticked(1)));
  assert.deepEqual(broker.messages("news").map(bodyOf), [1, 2]);
});

/** A broker that answers as it is told. */
function brokerThat(publish: Publisher["publish"]): Publisher {
  return { publish, async [Symbol.asyncDispose]() {} };
}

const telling = handlers().on(Start, (_data, { emit }) => {
  emit(Told(1), Told(2), Ticked(1));
  return "started";
}).on(Ticked, () => {});

Deno.test("a broker that confirms one message and refuses the other fails the one alone", async () => {
  const refusal = new Error("Too large");
  const { observer, of } = recorder();
  const app = bootstrap(telling, {
    observer,
    broker: brokerThat(() => Promise.resolve([{ ok: true }, { ok: false, error: refusal }])),
  });
  const { failures, result } = await eventHandlingError(app.send(Start()));
  assert.equal(result, "started");
  assert.equal(failures.length, 1);
  const [{ event, error } = {}] = failures;
  assert.equal(event?.data, 2);
  assert.ok(error instanceof PublishError);
  assert.equal(error.messageId, event?.metadata.id);
  assert.equal(error.topic, "news");
  assert.equal(error.cause, refusal);
  assert.deepEqual(of("published").map(({ envelope }) => bodyOf(envelope)), [1]);
  assert.deepEqual(of("publish_failed").map(({ envelope }) => bodyOf(envelope)), [2]);
});

const silences: readonly (readonly [string, Publisher["publish"]])[] = [
  ["rejects", () => Promise.reject(new Error("Away"))],
  ["throws synchronously", () => {
    throw new Error("Away");
  }],
];

for (const [description, publish] of silences) {
  Deno.test(`a broker that ${description} fails every message with what it said`, async () => {
    const { observer, of } = recorder();
    const app = bootstrap(telling, { observer, broker: brokerThat(publish) });
    const { errors } = await eventHandlingError(app.send(Start()));
    assert.deepEqual(errors.map((error) => (error as Error).name), [
      "PublishError",
      "PublishError",
    ]);
    for (const error of errors) assert.equal(((error as Error).cause as Error).message, "Away");
    assert.equal(of("publish_failed").length, 2);
  });
}

for (
  const [description, results, failed] of [
    ["too few results", [{ ok: true }], [2]],
    ["no result", [], [1, 2]],
    ["too many results", [{ ok: true }, { ok: true }, { ok: true }], []],
  ] as const satisfies readonly (readonly [string, readonly PublishResult[], readonly number[]])[]
) {
  Deno.test(`a broker that gives ${description} is believed only where it gives one`, async () => {
    const { observer, of } = recorder();
    const app = bootstrap(telling, {
      observer,
      broker: brokerThat(() => Promise.resolve(results)),
      eventHandling: { onError: "isolate" },
    });
    await app.send(Start());
    assert.deepEqual(of("publish_failed").map(({ envelope }) => bodyOf(envelope)), failed);
  });
}

Deno.test("the failures of handlers come before those of the broker", async () => {
  const app = bootstrap(
    handlers()
      .on(Start, (_data, { emit }) => {
        emit(Told(1), Ticked(1));
        return "started";
      })
      .on(Ticked, () => {
        throw new Error("Handler");
      }),
    { broker: brokerThat(() => Promise.reject(new Error("Away"))) },
  );
  const { errors } = await eventHandlingError(app.send(Start()));
  assert.deepEqual(errors.map((error) => (error as Error).name), ["Error", "PublishError"]);
});
