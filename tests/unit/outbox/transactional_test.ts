import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  EventHandlingError,
  handlers,
  memoryBroker,
  type Middleware,
  NoPublisherError,
  notification,
  streamRequest,
  type,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { StorageTransaction } from "../../../src/storage/mod.ts";
import { lateCodec, recorder, settled } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Do = command("do", type<number>()).returns<string>();
const Done = domainEvent("done", type<number>());
const Further = domainEvent("further", type<number>());
const Told = notification("told", { topic: "news", data: type<number>(), key: () => "k" });
const Other = notification("other", { topic: "news", data: type<number>(), key: () => "k" });
const Items = streamRequest("items").yields<number>();
const failure = new Error("Failed");

Deno.test("transactional() commits what the handler has written together with what it has emitted", async () => {
  const storage = ledger();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Do, (n, { tx, emit }) => {
      tx.client.set("n", n);
      emit(Told(1), Other(2));
      emit(Told(3));
      return "done";
    }),
  );
  assert.equal(await app.send(Do(7)), "done");
  assert.equal(await storage.valueOf("n"), 7);
  assert.deepEqual(await storage.outboxed(), ["told 1", "other 2", "told 3"]);
  assert.deepEqual(storage.log, [
    "begin 1",
    "append 1 told other told",
    "committing 1",
    "commit 1",
  ]);
});

Deno.test("transactional() appends nothing when nothing was emitted", async () => {
  const storage = ledger();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Do, (_n, { emit }) => {
      emit(Done(1));
      return "";
    }).on(Done, () => {}),
  );
  await app.send(Do(7));
  assert.deepEqual(storage.log.slice(0, 3), ["begin 1", "committing 1", "commit 1"]);
  assert.equal(storage.log.some((line) => line.startsWith("append")), false);
});

Deno.test("transactional() rolls back and drops what was emitted when the handler throws", async () => {
  const storage = ledger();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Done, () => assert.fail("handled")).use(transactional(storage)).on(
      Do,
      (n, { tx, emit }) => {
        tx.client.set("n", n);
        emit(Told(1), Done(1));
        throw failure;
      },
    ),
    { observer },
  );
  await assert.rejects(app.send(Do(7)), failure);
  assert.equal(await storage.valueOf("n"), undefined);
  assert.deepEqual(await storage.outboxed(), []);
  assert.deepEqual(storage.log, ["begin 1", "rollback 1"]);
  assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
    [2, "handler_failed"],
  ]);
});

Deno.test("transactional() publishes nothing itself, also if there is a broker", async () => {
  const storage = ledger();
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Do, (_n, { emit }) => {
      emit(Told(1));
      return "";
    }),
    { broker },
  );
  await app.send(Do(7));
  assert.deepEqual(broker.topics(), []);
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
});

Deno.test("transactional() leaves handlers outside of it to the broker", async () => {
  const storage = ledger();
  const broker = memoryBroker();
  const app = bootstrap(
    handlers()
      .on(Done, (_n, { emit }) => emit(Other(2)))
      .use(transactional(storage)).on(Do, (_n, { emit }) => {
        emit(Told(1), Done(1));
        return "";
      }),
    { broker },
  );
  await app.send(Do(7));
  assert.deepEqual(broker.messages("news").map(({ type }) => type), ["other"]);
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
});

Deno.test("transactional() has what it stored reported after the commit, before events are dispatched", async () => {
  const { observer, log, seen } = recorder();
  const storage = ledger();
  storage.at.committing = async () => {
    await settled();
    assert.deepEqual(log(), ["dispatched do"]);
  };
  const app = bootstrap(
    handlers().on(Done, () => {})
      .use(transactional(storage)).on(Do, (_n, { emit }) => {
        emit(Done(1), Told(1));
        return "";
      }),
    { observer },
  );
  await app.send(Do(7));
  assert.deepEqual(log(), [
    "dispatched do",
    "stored told",
    "dispatched done",
    "completed done",
    "completed do",
  ]);
  const [stored] = seen.filter(({ type }) => type === "stored");
  assert.ok(stored?.type === "stored" && stored.envelope.body instanceof Uint8Array);
});

Deno.test("transactional() dispatches domain events after the commit", async () => {
  const storage = ledger();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Done, async () => void log.push(`event ${await storage.valueOf("n")}`))
      .use(transactional(storage)).on(Do, (n, { tx, emit }) => {
        tx.client.set("n", n);
        emit(Done(1));
        return "";
      }),
  );
  await app.send(Do(7));
  assert.deepEqual(log, ["event 7"]);
});

Deno.test("transactional() gives each event handler that is bound in it a transaction of its own", async () => {
  const storage = ledger();
  const seen = new Set<StorageTransaction>();
  const app = bootstrap(
    handlers().use(transactional(storage))
      .on(Do, (_n, { tx, emit }) => {
        seen.add(tx);
        emit(Told(1), Done(1));
        return "";
      })
      .on(Done, (_n, { tx, emit }) => {
        seen.add(tx);
        emit(Told(2), Further(1));
      }, (_n, { tx, emit }) => {
        seen.add(tx);
        emit(Told(3));
        throw failure;
      })
      .on(Further, (_n, { tx, emit }) => {
        seen.add(tx);
        emit(Told(4));
      }),
    { eventHandling: { concurrency: 1 } },
  );
  await assert.rejects(app.send(Do(7)), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.deepEqual([error.errors, error.result], [[failure], ""]);
    return true;
  });
  assert.equal(seen.size, 4);
  assert.deepEqual(await storage.outboxed(), ["told 1", "told 2", "told 4"]);
});

Deno.test("transactional() wraps the handlers of a dispatched event", async () => {
  const storage = ledger();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Done, (n, { tx, emit }) => {
      tx.client.set("n", n);
      emit(Told(n));
    }),
  );
  await app.dispatch(Done(5));
  assert.equal(await storage.valueOf("n"), 5);
  assert.deepEqual(await storage.outboxed(), ["told 5"]);
});

Deno.test("transactional() has no part in what event handlers outside of it emit", async () => {
  const storage = ledger();
  const app = bootstrap(
    handlers()
      .on(Done, (_n, { emit }) => emit(Told(1)))
      .use(transactional(storage)).on(Do, (_n, { emit }) => {
        emit(Done(1));
        return "";
      }),
  );
  await assert.rejects(app.send(Do(7)), (error) => {
    assert.ok(error instanceof EventHandlingError && error.errors[0] instanceof NoPublisherError);
    return true;
  });
});

/** Where `transactional` may stand among other middlewares. */
const passOn = (): Middleware => (_context, next) => next();
const places = {
  "alone": (storage: ReturnType<typeof ledger>) => handlers().use(transactional(storage)),
  "outermost": (storage: ReturnType<typeof ledger>) =>
    handlers().use(transactional(storage)).use(passOn()),
  "innermost": (storage: ReturnType<typeof ledger>) =>
    handlers().use(passOn()).use(transactional(storage)),
  "between": (storage: ReturnType<typeof ledger>) =>
    handlers().use(passOn()).use(transactional(storage)).use(passOn()),
};

for (const [place, within] of Object.entries(places)) {
  for (const options of [{}, { signal: new AbortController().signal }]) {
    const signal = "signal" in options ? "with" : "without";

    Deno.test(`transactional(), ${place} and ${signal} a signal, drops everything when the commit fails`, async () => {
      const storage = ledger();
      storage.at.committing = () => Promise.reject(failure);
      const { observer, of, log } = recorder();
      const app = bootstrap(
        handlers().on(Done, () => assert.fail("handled")).add(
          within(storage).on(Do, (_n, { emit }) => {
            emit(Told(1), Done(1));
            return "";
          }),
        ),
        { observer },
      );
      await assert.rejects(app.send(Do(7), options), failure);
      assert.deepEqual(await storage.outboxed(), []);
      assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
        [2, "handler_failed"],
      ]);
      assert.deepEqual(log().sort(), ["dispatched do", "dropped told done", "failed do"]);
    });

    Deno.test(`transactional(), ${place} and ${signal} a signal, rejects with the driver's error when nobody knows whether it committed`, async () => {
      const storage = ledger();
      storage.at.committed = () => Promise.reject(failure);
      const app = bootstrap(
        handlers().on(Done, () => assert.fail("handled")).add(
          within(storage).on(Do, (n, { tx, emit }) => {
            tx.client.set("n", n);
            emit(Told(1), Done(1));
            return "";
          }),
        ),
      );
      await assert.rejects(app.send(Do(7), options), failure);
      assert.equal(await storage.valueOf("n"), 7);
      assert.deepEqual(await storage.outboxed(), ["told 1"]);
    });

    Deno.test(`transactional(), ${place} and ${signal} a signal, rolls back when storing fails`, async () => {
      const storage = ledger([], "", { notifications: [Other] });
      const { observer, of } = recorder();
      const app = bootstrap(
        handlers().on(Done, () => assert.fail("handled")).add(
          within(storage).on(Do, (n, { tx, emit }) => {
            tx.client.set("n", n);
            emit(Told(1), Done(1));
            return "";
          }),
        ),
        { observer },
      );
      await assert.rejects(app.send(Do(7), options), { code: "unknown_notification" });
      assert.equal(await storage.valueOf("n"), undefined);
      assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
        [2, "handler_failed"],
      ]);
    });
  }

  Deno.test(`transactional(), ${place}, waits for an asynchronous codec`, async () => {
    const storage = ledger();
    const app = bootstrap(
      within(storage).on(Do, (_n, { emit }) => {
        emit(Told(1), Told(2));
        return "";
      }),
      { codec: lateCodec },
    );
    await app.send(Do(7));
    assert.deepEqual(await storage.outboxed(), ["told 1", "told 2"]);
  });

  Deno.test(`transactional(), ${place}, rolls back when an asynchronous codec refuses`, async () => {
    const storage = ledger();
    const { observer, of } = recorder();
    const app = bootstrap(
      within(storage).on(Do, (n, { tx, emit }) => {
        tx.client.set("n", n);
        emit(Told(1), Told(-1), Done(1));
        return "";
      }),
      { codec: lateCodec, observer },
    );
    await assert.rejects(app.send(Do(7)), { code: "message_encode" });
    assert.equal(await storage.valueOf("n"), undefined);
    assert.deepEqual(await storage.outboxed(), []);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [3]);
  });
}

Deno.test("transactional() fails where the transaction cannot be opened, without running the handler", async () => {
  const storage = ledger();
  storage.at.begin = () => Promise.reject(failure);
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Do, () => assert.fail("run")),
  );
  await assert.rejects(app.send(Do(7)), failure);
});

Deno.test("transactional() keeps concurrent calls apart", async () => {
  const storage = ledger();
  const gates = [0, 1].map(() => Promise.withResolvers<void>());
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Do, async (n, { tx, emit }) => {
      emit(Told(n));
      await gates[n]?.promise;
      tx.client.set(`n${n}`, n);
      if (n === 0) throw failure;
      return "";
    }),
  );
  const sent = [app.send(Do(0)), app.send(Do(1))];
  await settled();
  for (const { resolve } of gates) resolve();
  const [first, second] = await Promise.allSettled(sent);
  assert.deepEqual([first?.status, second?.status], ["rejected", "fulfilled"]);
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
  assert.deepEqual([await storage.valueOf("n0"), await storage.valueOf("n1")], [undefined, 1]);
});

Deno.test("transactional() refuses an unknown choice", () => {
  const domainEvents: string = "before";
  assert.throws(() => transactional(ledger(), { domainEvents: domainEvents as "after" }), {
    name: "TypeError",
    message: 'Cannot handle domain events "before" a transaction: they are handled "after" or ' +
      '"inside"',
  });
});

const refusal = {
  name: "TypeError",
  message: 'Cannot stream "items" in a transaction as none spans a stream: bind it to a registry ' +
    "without transactional(), and call storage.transaction() in its handler",
};

Deno.test("bootstrap() refuses a stream that is bound within transactional()", () => {
  const registry = handlers().use(transactional(ledger())).on(Items, async function* () {
    yield 1;
  });
  assert.throws(() => bootstrap(registry), refusal);
});

Deno.test("bootstrap() refuses a stream when transactional() surrounds everything", () => {
  const registry = handlers().on(Items, async function* () {
    yield 1;
  });
  assert.throws(() => bootstrap(registry, { middlewares: [transactional(ledger())] }), refusal);
});

Deno.test("bootstrap() takes a stream beside transactional()", async () => {
  const app = bootstrap(
    handlers().on(Items, async function* () {
      yield 1;
    }).use(transactional(ledger())).on(Do, () => ""),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1]);
});

Deno.test("transactional() refuses a stream that a middleware around it lets by, when it is opened", async () => {
  const { handle, stream } = transactional(ledger());
  const app = bootstrap(
    handlers().use({ handle, stream }).on(Items, async function* () {
      yield 1;
    }),
  );
  await assert.rejects(app.stream(Items()).next(), refusal);
});
