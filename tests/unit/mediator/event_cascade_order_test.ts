import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  memoryBroker,
  notification,
  type,
} from "../../../mod.ts";
import { bodyOf, gauge, recorder, settled } from "./support.ts";

const Start = command("start", type<number>()).returns<string>();
const Ticked = domainEvent("ticked", type<number>());
const A = domainEvent("a");
const B = domainEvent("b");
const A1 = domainEvent("a1");
const B1 = domainEvent("b1");
const Told = notification("told", { topic: "news", data: type<string>() });

/** The ways to dispatch that must all do the same work. */
const modes = [
  ["in sequence", { concurrency: 1 }],
  ["in parallel", { concurrency: 10 }],
  ["without a limit", { concurrency: Infinity }],
] as const;

for (const [mode, eventHandling] of modes) {
  Deno.test(`each handler of each emitted event runs once, ${mode}`, async () => {
    for (const count of [3, 4]) {
      const log: string[] = [];
      const app = bootstrap(
        handlers()
          .on(Start, (n, { emit }) => {
            for (let i = 0; i < n; i++) emit(Ticked(i));
            return "started";
          })
          .on(Ticked, (i) => void log.push(`x${i}`), (i) => void log.push(`y${i}`)),
        { eventHandling },
      );
      await app.send(Start(count));
      const expected = Array.from({ length: count }, (_, i) => [`x${i}`, `y${i}`]).flat();
      assert.deepEqual(log.toSorted(), expected.toSorted());
    }
  });

  Deno.test(`a cascade of three levels runs each level once, breadth first, ${mode}`, async () => {
    const log: string[] = [];
    const app = bootstrap(
      handlers()
        .on(Start, (_n, { emit }) => {
          emit(A(), B());
          return "started";
        })
        .on(A, (_data, { emit }) => {
          log.push("a");
          emit(A1());
        })
        .on(B, (_data, { emit }) => {
          log.push("b");
          emit(B1());
        })
        .on(A1, (_data, { emit }) => {
          log.push("a1");
          emit(Ticked(1));
        })
        .on(B1, () => void log.push("b1"))
        .on(Ticked, (n) => void log.push(`ticked ${n}`)),
      { eventHandling },
    );
    await app.send(Start(0));
    assert.deepEqual(log, ["a", "b", "a1", "b1", "ticked 1"]);
  });

  Deno.test(`a cascade that began with a dispatched event runs each level once, ${mode}`, async () => {
    const log: string[] = [];
    const app = bootstrap(
      handlers()
        .on(A, (_data, { emit }) => emit(A1()), () => void log.push("a"))
        .on(A1, (_data, { emit }) => {
          log.push("a1");
          emit(B());
        })
        .on(B, () => void log.push("b")),
      { eventHandling },
    );
    await app.dispatch(A());
    assert.deepEqual(log, ["a", "a1", "b"]);
  });

  Deno.test(`the follow-ups of all handlers of an event are handled, ${mode}`, async () => {
    const log: number[] = [];
    const app = bootstrap(
      handlers()
        .on(A, (_data, { emit }) => emit(Ticked(1)), (_data, { emit }) => emit(Ticked(2)))
        .on(Ticked, (n) => void log.push(n)),
      { eventHandling },
    );
    await app.dispatch(A());
    assert.deepEqual(log, [1, 2]);
  });

  Deno.test(`the follow-ups that a handler emits after an await are handled, ${mode}`, async () => {
    const log: number[] = [];
    const app = bootstrap(
      handlers()
        .on(A, async (_data, { emit }) => {
          await settled();
          emit(Ticked(1));
        })
        .on(Ticked, (n) => void log.push(n)),
      { eventHandling },
    );
    await app.dispatch(A());
    assert.deepEqual(log, [1]);
  });

  Deno.test(`an event handler may send a command that emits events, ${mode}`, async () => {
    const log: string[] = [];
    const Nested = command("nested");
    const app = bootstrap(
      handlers()
        .on(Start, (_n, { emit }) => {
          emit(A());
          return "started";
        })
        .on(A, async (_data, { send }) => {
          await send(Nested());
          log.push("a");
        })
        .on(Nested, (_data, { emit }) => emit(B(), B()))
        .on(B, async () => {
          await settled();
          log.push("b");
        }),
      { eventHandling },
    );
    await app.send(Start(0));
    assert.deepEqual(log, ["b", "b", "a"]);
  });
}

Deno.test("a level settles before the next one begins", async () => {
  const slow = Promise.withResolvers<void>();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(A(), B());
        return "started";
      })
      .on(A, (_data, { emit }) => emit(A1()))
      .on(A1, () => void log.push("a1"))
      .on(B, async () => {
        await slow.promise;
        log.push("b");
      }),
  );
  const sent = app.send(Start(0));
  await settled();
  assert.deepEqual(log, []);
  slow.resolve();
  await sent;
  assert.deepEqual(log, ["b", "a1"]);
});

Deno.test("the response waits for everything that follows", async () => {
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(A());
        return "started";
      })
      .on(A, () => gate.promise),
  );
  let response: string | undefined;
  const sent = app.send(Start(0)).then((result) => response = result);
  await settled();
  assert.equal(response, undefined);
  gate.resolve();
  await sent;
  assert.equal(response, "started");
});

Deno.test("the events of a level start in the order of their emission", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(Ticked(1), A(), Ticked(2));
        return "";
      })
      .on(Ticked, (n) => void log.push(`x${n}`), (n) => void log.push(`y${n}`))
      .on(A, () => void log.push("a")),
    { eventHandling: { concurrency: 2 } },
  );
  await app.send(Start(0));
  assert.deepEqual(log, ["x1", "y1", "a", "x2", "y2"]);
});

Deno.test("five events run at most two at a time when the limit is 2, and all before the call returns", async () => {
  const running = gauge();
  let handled = 0;
  const app = bootstrap(
    handlers()
      .on(Start, (n, { emit }) => {
        for (let i = 0; i < n; i++) emit(Ticked(i));
        return "";
      })
      .on(Ticked, () =>
        running.run(async () => {
          await settled();
          handled++;
        })),
    { eventHandling: { concurrency: 2 } },
  );
  await app.send(Start(5));
  assert.equal(handled, 5);
  assert.equal(running.most, 2);
});

Deno.test("the three follow-ups of an event are handled within a limit of 2", async () => {
  const running = gauge();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(A, (_data, { emit }) =>
        running.run(async () => {
          await settled();
          log.push("root");
          emit(Ticked(1), Ticked(2), Ticked(3));
        }))
      .on(Ticked, (n) =>
        running.run(async () => {
          await settled();
          log.push(`follow-up ${n}`);
        })),
    { eventHandling: { concurrency: 2 } },
  );
  await app.dispatch(A());
  assert.deepEqual(log, ["root", "follow-up 1", "follow-up 2", "follow-up 3"]);
  assert.equal(running.most, 2);
});

Deno.test("the handlers of one event share the limit of their call", async () => {
  const running = gauge();
  const work = () => running.run(settled);
  const app = bootstrap(
    handlers().on(A, () => work(), () => work(), () => work()),
    { eventHandling: { concurrency: 2 } },
  );
  await app.dispatch(A());
  assert.equal(running.most, 2);
});

Deno.test("a slow event handler of one call does not hold up the events of another", async () => {
  const slow = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers()
      .on(Start, (n, { emit }) => {
        emit(Ticked(n));
        return "started";
      })
      .on(Ticked, (n) => n === 0 ? slow.promise : undefined),
    { eventHandling: { concurrency: 1 } },
  );
  const held = app.send(Start(0));
  assert.equal(await app.send(Start(1)), "started");
  slow.resolve();
  await held;
});

Deno.test("a call runs ten event handlers at a time at most by default", async () => {
  const running = gauge();
  const app = bootstrap(
    handlers()
      .on(Start, (n, { emit }) => {
        for (let i = 0; i < n; i++) emit(Ticked(i));
        return "";
      })
      .on(Ticked, () => running.run(settled)),
  );
  await app.send(Start(25));
  assert.equal(running.most, 10);
});

Deno.test("an event without handlers is seen by the observer and harms nobody", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Start, (_n, { emit }) => {
      emit(A());
      return "started";
    }),
    { observer },
  );
  assert.equal(await app.send(Start(0)), "started");
  assert.deepEqual(of("unhandled").map(({ message }) => message.type), ["a"]);
});

Deno.test("notifications leave in one publication at the end, in the order of their emission", async () => {
  const log: string[] = [];
  const publications: unknown[][] = [];
  const memory = memoryBroker();
  const broker: typeof memory = {
    ...memory,
    publish(messages, options) {
      log.push("published");
      publications.push(messages.map(bodyOf));
      return memory.publish(messages, options);
    },
  };
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(Told("handler"), A(), Told("handler again"));
        return "";
      })
      .on(A, (_data, { emit }) => {
        log.push("a");
        emit(Told("a"), B());
      })
      .on(B, (_data, { emit }) => {
        log.push("b");
        emit(Told("b"));
      }),
    { broker },
  );
  await app.send(Start(0));
  assert.deepEqual(publications, [["handler", "handler again", "a", "b"]]);
  assert.deepEqual(log, ["a", "b", "published"]);
});

Deno.test("two emitted notifications make exactly two messages at the broker", async () => {
  const broker = memoryBroker();
  const State = notification("told.state", {
    topic: "states",
    wireType: "told",
    data: type<{ text: string }>(),
  });
  const app = bootstrap(
    handlers().on(Start, (_n, { emit }) => {
      emit(Told("x"), State({ text: "x" }));
      return "";
    }),
    { broker },
  );
  await app.send(Start(0));
  assert.deepEqual(broker.topics(), ["news", "states"]);
  assert.equal(broker.messages("news").length + broker.messages("states").length, 2);
});

Deno.test("an emitted notification never runs the handlers of its own process", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(Told("x"));
        return "";
      })
      .on(Told, () => assert.fail("handled")),
    { broker },
  );
  await app.send(Start(0));
  assert.equal(broker.messages("news").length, 1);
});

Deno.test("a call that emits no notification does not touch the broker", async () => {
  const app = bootstrap(
    handlers()
      .on(Start, (_n, { emit }) => {
        emit(A());
        return "";
      })
      .on(A, () => {}),
    { broker: { publish: () => assert.fail("published"), async [Symbol.asyncDispose]() {} } },
  );
  await app.send(Start(0));
});
