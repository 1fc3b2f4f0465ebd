import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  memoryBroker,
  type Middleware,
  notification,
  retry,
  streamRequest,
  type,
  withRetry,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { StorageTransaction } from "../../../src/storage/mod.ts";
import { recorder, settled } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Outer = command("outer").returns<string>();
const Inner = command("inner", type<string>()).returns<string>();
const Innermost = command("innermost", type<string>());
const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done", type<string>());
const Told = notification("told", { topic: "news", data: type<string>(), key: () => "k" });
const failure = new Error("Failed");

/** A log that storage and event handlers write to. */
function journal() {
  const log: string[] = [];
  const storage = ledger(log);
  const events = handlers().on(Done, (text) => void log.push(`event ${text}`));
  return { log, storage, events };
}
const inSequence = { eventHandling: { concurrency: 1 } };

for (const isBound of [true, false]) {
  const which = isBound ? "a nested send" : "a nested send of a handler outside of transactional()";
  const within = (storage: ReturnType<typeof ledger>) =>
    isBound ? handlers().use(transactional(storage)) : handlers();

  Deno.test(`${which} joins the open transaction, and what it emits becomes a part of the outer run`, async () => {
    const { log, storage, events } = journal();
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, async (text, { emit }) => {
            emit(Told(text), Done(text));
            await settled();
            return text;
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { emit, send }) => {
          emit(Told("a"), Done("a"));
          const result = await send(Inner("b"));
          log.push("nested");
          emit(Told("c"), Done("c"));
          return result;
        }),
      inSequence,
    );
    assert.equal(await app.send(Outer()), "b");
    assert.deepEqual(log, [
      "begin 1",
      "nested",
      "append 1 told told told",
      "committing 1",
      "commit 1",
      "event a",
      "event b",
      "event c",
    ]);
    assert.deepEqual(await storage.outboxed(), ['told "a"', 'told "b"', 'told "c"']);
  });

  Deno.test(`${which} that fails emits nothing, and an outer handler that catches that goes on`, async () => {
    const { log, storage, events } = journal();
    const { observer, of } = recorder();
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, (text, { emit }) => {
            emit(Told(text), Done(text));
            throw failure;
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { emit, send }) => {
          emit(Told("a"), Done("a"));
          await send(Inner("b")).catch(() => {});
          emit(Told("c"));
          return "";
        }),
      { ...inSequence, observer },
    );
    await app.send(Outer());
    assert.deepEqual(await storage.outboxed(), ['told "a"', 'told "c"']);
    assert.deepEqual(log.slice(-2), ["commit 1", "event a"]);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.map(({ data }) => data)), [
      ["b", "b"],
    ]);
  });

  Deno.test(`${which} that fails with the outer handler rolls everything back`, async () => {
    const { log, storage, events } = journal();
    const { observer, of } = recorder();
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, (text, { emit }) => {
            emit(Told(text), Done(text));
            throw failure;
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { emit, send }) => {
          emit(Told("a"), Done("a"));
          return await send(Inner("b"));
        }),
      { ...inSequence, observer },
    );
    await assert.rejects(app.send(Outer()), failure);
    assert.deepEqual(log, ["begin 1", "rollback 1"]);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)).sort(),
      ["a", "a", "b", "b"],
    );
  });

  Deno.test(`${which} that has succeeded is dropped when the outer handler fails`, async () => {
    const { log, storage, events } = journal();
    const { observer, of } = recorder();
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, (text, { emit }) => {
            emit(Told(text), Done(text));
            return "";
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { send }) => {
          await send(Inner("b"));
          throw failure;
        }),
      { ...inSequence, observer },
    );
    await assert.rejects(app.send(Outer()), failure);
    assert.deepEqual(log, ["begin 1", "rollback 1"]);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [2]);
  });

  Deno.test(`${which} that nobody waits for is dropped, and the observer is told`, async () => {
    const { log, storage, events } = journal();
    const { observer, of } = recorder();
    const gate = Promise.withResolvers<void>();
    let nested: Promise<string> | undefined;
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, async (text, { emit }) => {
            emit(Told(text), Done(text));
            await gate.promise;
            return "nested";
          }),
        )
        .use(transactional(storage)).on(Outer, (_data, { send }) => {
          nested = send(Inner("b"));
          return "";
        }),
      { ...inSequence, observer },
    );
    await app.send(Outer());
    gate.resolve();
    assert.equal(await nested, "nested");
    await settled();
    assert.deepEqual(log, ["begin 1", "committing 1", "commit 1"]);
    assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
      [2, "cancelled"],
    ]);
    assert.deepEqual(of("stored"), []);
  });

  Deno.test(`${which} from a part of a composite counts with that part`, async () => {
    const { storage, events, log } = journal();
    let runs = 0;
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, (text, { emit }) => {
            emit(Told(text), Done(text));
            return "";
          }),
        )
        .use(transactional(storage)).on(
          Outer,
          withRetry(async (_data, { send, emit }) => {
            emit(Told(`before ${++runs}`));
            await send(Inner(`nested ${runs}`));
            emit(Told(`after ${runs}`));
            if (runs === 1) throw failure;
            return "";
          }, { backoff: () => 0 }),
        ),
    );
    await app.send(Outer());
    assert.deepEqual(await storage.outboxed(), [
      'told "before 2"',
      'told "nested 2"',
      'told "after 2"',
    ]);
    assert.equal(log.at(-1), "event nested 2");
  });

  Deno.test(`${which} from a middleware within the transaction is a part of that, in its order, whatever becomes of runs`, async () => {
    const { storage, events, log } = journal();
    const around: Middleware = async ({ send }, next) => {
      await send(Inner("before"));
      const result = await next();
      await send(Inner("after"));
      return result;
    };
    let runs = 0;
    const app = bootstrap(
      events
        .add(
          within(storage).on(Inner, (text, { emit }) => {
            emit(Told(text), Done(text));
            return "";
          }),
        )
        .use(transactional(storage)).use(around).use(retry({ backoff: () => 0 })).on(
          Outer,
          (_data, { emit }) => {
            emit(Told(`run ${++runs}`));
            if (runs === 1) throw failure;
            return "";
          },
        ),
      inSequence,
    );
    await app.send(Outer());
    assert.deepEqual(await storage.outboxed(), ['told "before"', 'told "run 2"', 'told "after"']);
    assert.deepEqual(log.slice(-2), ["event before", "event after"]);
  });

  Deno.test(`${which} through further sends and middlewares is a part of the transaction, in its order`, async () => {
    const { storage, events, log } = journal();
    const around: Middleware<{ user: string }> = async ({ send }, next) => {
      await send(Innermost("before"));
      const result = await next({ user: "Ada" });
      await send(Innermost("after"));
      return result;
    };
    const app = bootstrap(
      events
        .add(within(storage).on(Innermost, (text, { emit }) => emit(Told(text), Done(text))))
        .add(
          within(storage).use(around).on(Inner, async (text, { emit, send }) => {
            emit(Told(text));
            await send(Innermost("within"));
            return "";
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { emit, send }) => {
          emit(Told("first"));
          await send(Inner("inner"));
          emit(Told("last"));
          return "";
        }),
      inSequence,
    );
    await app.send(Outer());
    assert.deepEqual(await storage.outboxed(), [
      'told "first"',
      'told "before"',
      'told "inner"',
      'told "within"',
      'told "after"',
      'told "last"',
    ]);
    assert.deepEqual(log.filter((line) => !line.startsWith("event")), [
      "begin 1",
      "append 1 told told told told told told",
      "committing 1",
      "commit 1",
    ]);
    assert.deepEqual(log.slice(-3), ["event before", "event within", "event after"]);
  });

  Deno.test(`${which} from a middleware around a nested send is dropped if that fails`, async () => {
    const { storage, events } = journal();
    const { observer, of } = recorder();
    const around: Middleware = async ({ send }, next) => {
      await send(Innermost("before"));
      return await next();
    };
    const app = bootstrap(
      events
        .add(within(storage).on(Innermost, (text, { emit }) => emit(Told(text))))
        .add(within(storage).use(around).on(Inner, () => Promise.reject(failure)))
        .use(transactional(storage)).on(Outer, async (_data, { send }) => {
          await send(Inner("inner")).catch(() => {});
          return "";
        }),
      { observer },
    );
    await app.send(Outer());
    assert.deepEqual(await storage.outboxed(), []);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.map(({ data }) => data)), [
      ["before"],
    ]);
  });

  Deno.test(`${which} from a middleware after a nested run that failed and was rescued is a part of the transaction`, async () => {
    const { storage, events } = journal();
    const around: Middleware = async ({ send }, next) => {
      await next().catch(() => {});
      await send(Innermost("after"));
      return "rescued";
    };
    const app = bootstrap(
      events
        .add(within(storage).on(Innermost, (text, { emit }) => emit(Told(text))))
        .add(
          within(storage).use(around).on(Inner, (text, { emit }) => {
            emit(Told(text));
            throw failure;
          }),
        )
        .use(transactional(storage)).on(Outer, (_data, { send }) => send(Inner("inner"))),
    );
    assert.equal(await app.send(Outer()), "rescued");
    assert.deepEqual(await storage.outboxed(), ['told "after"']);
  });
}

Deno.test("a nested handler within transactional() of the same storage gets the same tx", async () => {
  const { storage } = journal();
  const seen = new Set<StorageTransaction>();
  const transaction = transactional(storage);
  const app = bootstrap(
    handlers().use(transaction)
      .on(Inner, (text, { tx }) => {
        seen.add(tx);
        return `${tx.client.get("n")} ${text}`;
      })
      .on(Outer, async (_data, { tx, send }) => {
        seen.add(tx);
        tx.client.set("n", 1);
        return await send(Inner("inner"));
      }),
  );
  assert.equal(await app.send(Outer()), "1 inner");
  assert.equal(seen.size, 1);
});

Deno.test("a nested send from an event handler after the commit joins the transaction of that", async () => {
  const { log, storage } = journal();
  const app = bootstrap(
    handlers().use(transactional(storage))
      .on(Inner, (text, { emit }) => {
        emit(Told(text));
        return "";
      })
      .on(Done, async (text, { emit, send }) => {
        emit(Told(text));
        await send(Inner("inner"));
      })
      .on(Outer, (_data, { emit }) => {
        emit(Done("event"));
        return "";
      }),
  );
  await app.send(Outer());
  assert.deepEqual(log, [
    "begin 1",
    "committing 1",
    "commit 1",
    "begin 2",
    "append 2 told told",
    "committing 2",
    "commit 2",
  ]);
});

Deno.test("a nested send from an event handler after the commit that is not bound in it is a call of its own", async () => {
  const { log, storage } = journal();
  const broker = memoryBroker();
  const app = bootstrap(
    handlers()
      .on(Inner, (text, { emit }) => {
        emit(Told(text));
        return "";
      })
      .on(Done, async (_text, { send }) => {
        await send(Inner("inner"));
        log.push(`published ${broker.messages("news").length}`);
      })
      .use(transactional(storage)).on(Outer, (_data, { emit }) => {
        emit(Done("event"));
        return "";
      }),
    { broker },
  );
  await app.send(Outer());
  assert.deepEqual(log, ["begin 1", "committing 1", "commit 1", "published 1"]);
});

Deno.test("a send of the application within a handler is a call of its own", async () => {
  const { log, storage } = journal();
  const registry = handlers().use(transactional(storage)).on(Inner, (text, { emit }) => {
    emit(Told(text));
    return "";
  });
  const other = bootstrap(registry);
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Outer, async () => {
      await other.send(Inner("inner"));
      return "";
    }),
  );
  await app.send(Outer());
  assert.deepEqual(log, [
    "begin 1",
    "begin 2",
    "append 2 told",
    "committing 2",
    "commit 2",
    "committing 1",
    "commit 1",
  ]);
});

Deno.test("what a nested stream emits within a transaction becomes a part of the outer run as its items come", async () => {
  const { log, storage, events } = journal();
  const passOn = (): Middleware => (_context, next) => next();
  for (const registry of [handlers(), handlers().use(passOn())]) {
    const app = bootstrap(
      events
        .add(
          registry.on(Items, async function* (_data, { emit }) {
            emit(Told("1"), Done("1"));
            yield 1;
            emit(Told("2"));
            yield 2;
            emit(Told("3"));
          }),
        )
        .use(transactional(storage)).on(Outer, async (_data, { emit, stream }) => {
          for await (const n of stream(Items())) emit(Told(`item ${n}`));
          emit(Told("end"));
          return "";
        }),
    );
    log.length = 0;
    await app.send(Outer());
    assert.match(log[1] ?? "", /^append \d told told told told told told$/);
    assert.equal(log.at(-1), "event 1");
    assert.deepEqual((await storage.outboxed()).slice(-6), [
      'told "1"',
      'told "item 1"',
      'told "2"',
      'told "item 2"',
      'told "3"',
      'told "end"',
    ]);
  }
});

Deno.test("two transactional() of one storage around a handler are one transaction", async () => {
  const { log, storage, events } = journal();
  const seen = new Set<StorageTransaction>();
  const look: Middleware<object, { tx: StorageTransaction }> = ({ tx }, next) => {
    seen.add(tx);
    return next();
  };
  const app = bootstrap(
    events.use(transactional(storage)).use(look)
      .use(transactional(storage, { domainEvents: "inside" }))
      .on(Outer, (_data, { tx, emit }) => {
        seen.add(tx);
        emit(Told("a"), Done("a"));
        return "";
      }),
  );
  await app.send(Outer());
  assert.equal(seen.size, 1);
  // The outermost decides when events are handled.
  assert.deepEqual(log, ["begin 1", "append 1 told", "committing 1", "commit 1", "event a"]);
});
