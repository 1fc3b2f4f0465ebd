import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  EventCycleError,
  EventHandlingError,
  handlers,
  notification,
  retry,
  type,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { StorageTransaction } from "../../../src/storage/mod.ts";
import { gauge, lateCodec, recorder, settled } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Do = command("do").returns<string>();
const Inner = command("inner", type<string>());
const First = domainEvent("first", type<string>());
const Second = domainEvent("second", type<string>());
const Third = domainEvent("third", type<string>());
const Told = notification("told", { topic: "news", data: type<string>(), key: () => "k" });
const failure = new Error("Failed");
const reason = new Error("The caller has left");

/** A storage and a log that both write to, with a registry whose transactions have their events inside. */
function inside() {
  const log: string[] = [];
  const storage = ledger(log);
  const registry = handlers().use(transactional(storage, { domainEvents: "inside" }));
  return { log, storage, registry };
}

Deno.test("domainEvents: inside handles events before the commit, in the same transaction, level by level", async () => {
  const { log, storage, registry } = inside();
  const seen = new Set<StorageTransaction>();
  const { observer, log: observed } = recorder();
  const app = bootstrap(
    registry
      .on(Do, (_data, { tx, emit }) => {
        seen.add(tx);
        emit(Told("do"), First("a"), First("b"));
        return "done";
      })
      .on(First, (text, { tx, emit }) => {
        seen.add(tx);
        log.push(`first ${text}`);
        emit(Second(text), Told(`first ${text}`));
      })
      .on(Second, async (text, { tx, emit }) => {
        seen.add(tx);
        await settled();
        log.push(`second ${text}`);
        emit(Told(`second ${text}`));
      }),
    { observer },
  );
  assert.equal(await app.send(Do()), "done");
  assert.equal(seen.size, 1);
  assert.deepEqual(log, [
    "begin 1",
    "first a",
    "first b",
    "second a",
    "second b",
    "append 1 told told told told told",
    "committing 1",
    "commit 1",
  ]);
  assert.deepEqual(await storage.outboxed(), [
    'told "do"',
    'told "first a"',
    'told "first b"',
    'told "second a"',
    'told "second b"',
  ]);
  assert.deepEqual(observed(), [
    "dispatched do",
    "dispatched first",
    "dispatched first",
    "completed first",
    "completed first",
    "dispatched second",
    "dispatched second",
    "completed second",
    "completed second",
    ...Array(5).fill("stored told"),
    "completed do",
  ]);
});

Deno.test("domainEvents: inside runs one handler at a time, whatever the concurrency", async () => {
  const { registry } = inside();
  const running = gauge();
  const handle = () => running.run(() => settled());
  const app = bootstrap(
    registry
      .on(Do, (_data, { emit }) => {
        emit(First("a"), First("b"));
        return "";
      })
      .on(First, handle, () => handle()),
    { eventHandling: { concurrency: 10 } },
  );
  await app.send(Do());
  assert.equal(running.most, 1);
});

Deno.test("domainEvents: inside takes in event handlers that are not bound within transactional()", async () => {
  const { log, storage, registry } = inside();
  const app = bootstrap(
    handlers()
      .on(First, (text, { emit }) => {
        log.push(`first ${text}`);
        emit(Told(text), Second(text));
      })
      .on(Second, (text) => void log.push(`second ${text}`))
      .add(registry.on(Do, (_data, { emit }) => {
        emit(First("a"));
        return "";
      })),
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "begin 1",
    "first a",
    "second a",
    "append 1 told",
    "committing 1",
    "commit 1",
  ]);
  assert.deepEqual(await storage.outboxed(), ['told "a"']);
});

for (const onError of ["throw", "isolate"] as const) {
  Deno.test(`domainEvents: inside rolls back and rejects with the causes when an event handler fails, with onError "${onError}"`, async () => {
    const { log, storage, registry } = inside();
    const { observer, of } = recorder();
    const app = bootstrap(
      registry
        .on(Do, (_data, { tx, emit }) => {
          tx.client.set("n", 1);
          emit(Told("do"), First("a"), First("b"));
          return "done";
        })
        .on(First, (text, { emit }) => {
          emit(Told(text), Second(text));
          if (text === "a") throw failure;
        })
        .on(Second, () => assert.fail("handled")),
      { observer, eventHandling: { onError } },
    );
    await assert.rejects(app.send(Do()), (error) => {
      assert.ok(error instanceof EventHandlingError);
      assert.deepEqual([error.errors, error.cause, error.result], [[failure], failure, "done"]);
      assert.equal(error.failures[0]?.event.type, "first");
      return true;
    });
    assert.equal(await storage.valueOf("n"), undefined);
    assert.deepEqual(log.slice(0, 2), ["begin 1", "rollback 1"]);
    assert.deepEqual(await storage.outboxed(), []);
    assert.deepEqual(
      of("dropped").flatMap(({ messages, reason }) =>
        messages.map((message) => `${reason} ${message.type} ${message.data}`)
      ).sort(),
      [
        "handler_failed second a",
        "handler_failed second b",
        "handler_failed told a",
        "handler_failed told b",
        "handler_failed told do",
      ],
    );
    assert.deepEqual(of("stored"), []);
  });
}

Deno.test("domainEvents: inside lets the siblings of a failed handler finish, and tells all their errors", async () => {
  const { registry } = inside();
  const app = bootstrap(
    registry
      .on(Do, (_data, { emit }) => {
        emit(First("a"), First("b"));
        return "";
      })
      .on(First, (text) => Promise.reject(text)),
  );
  await assert.rejects(app.send(Do()), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.deepEqual(error.errors, ["a", "b"]);
    return true;
  });
});

for (const isWanted of [false, true]) {
  Deno.test(`retry() outside of domainEvents: inside ${isWanted ? "tries again" : "does not try again"} when an event handler has failed and that is ${isWanted ? "" : "not "}wanted`, async () => {
    const { storage } = inside();
    let attempts = 0;
    const app = bootstrap(
      handlers()
        .use(retry({ backoff: () => 0, ...(isWanted && { when: () => true }) }))
        .use(transactional(storage, { domainEvents: "inside" }))
        .on(Do, (_data, { emit }) => {
          emit(Told(`attempt ${++attempts}`), First("a"));
          return "done";
        })
        .add(
          handlers<object>().on(First, () => {
            if (attempts === 1) throw failure;
          }),
        ),
    );
    const sent = app.send(Do());
    if (isWanted) assert.equal(await sent, "done");
    else await assert.rejects(sent, EventHandlingError);
    assert.deepEqual(await storage.outboxed(), isWanted ? ['told "attempt 2"'] : []);
  });
}

Deno.test("domainEvents: inside names a cycle, and rolls back", async () => {
  const { log, registry } = inside();
  const { observer, of } = recorder();
  const app = bootstrap(
    registry
      .on(Do, (_data, { emit }) => {
        emit(First("a"), Told("do"));
        return "";
      })
      .on(First, (text, { emit }) => emit(Second(text)))
      .on(Second, (text, { emit }) => emit(First(text))),
    { observer, eventHandling: { maxDepth: 3 } },
  );
  await assert.rejects(app.send(Do()), (error) => {
    assert.ok(error instanceof EventHandlingError);
    const [cycle] = error.errors;
    assert.ok(cycle instanceof EventCycleError);
    assert.deepEqual(cycle.path, ["first", "second", "first", "second"]);
    return true;
  });
  assert.deepEqual(log, ["begin 1", "rollback 1"]);
  assert.deepEqual(
    of("dropped").map(({ messages, reason }) => [messages.map(({ type }) => type), reason]),
    [[["second"], "event_cycle"], [["told"], "handler_failed"]],
  );
});

for (const isBound of [true, false]) {
  const which = isBound ? "bound within transactional()" : "not bound within transactional()";

  Deno.test(`domainEvents: inside has what a nested send of a handler ${which} emits handled before the commit`, async () => {
    const { log, storage, registry } = inside();
    const inner = (text: string, { emit }: Pick<Context, "emit">) => emit(Told(text), Third(text));
    const app = bootstrap(
      handlers()
        .add(
          isBound
            ? handlers().use(transactional(storage)).on(Inner, inner)
            : handlers().on(Inner, inner),
        )
        .on(Third, (text) => void log.push(`third ${text}`))
        .add(
          registry
            .on(Do, async (_data, { emit, send }) => {
              await send(Inner("from do"));
              emit(First("a"));
              return "";
            })
            .on(First, async (_text, { send, emit }) => {
              await send(Inner("from first"));
              log.push("first");
              emit(Told("first"));
            }),
        ),
    );
    await app.send(Do());
    assert.deepEqual(log, [
      "begin 1",
      "third from do",
      "first",
      "third from first",
      "append 1 told told told",
      "committing 1",
      "commit 1",
    ]);
    assert.deepEqual(await storage.outboxed(), [
      'told "from do"',
      'told "from first"',
      'told "first"',
    ]);
  });
}

Deno.test("a nested send within domainEvents: inside that fails emits nothing, and its event handler may go on", async () => {
  const { storage, registry } = inside();
  const app = bootstrap(
    registry
      .on(Do, (_data, { emit }) => {
        emit(First("a"));
        return "";
      })
      .on(Inner, (text, { emit }) => {
        emit(Told(text));
        throw failure;
      })
      .on(First, async (text, { send, emit }) => {
        await send(Inner("inner")).catch(() => {});
        emit(Told(text));
      }),
  );
  await app.send(Do());
  assert.deepEqual(await storage.outboxed(), ['told "a"']);
});

Deno.test("domainEvents: inside waits for an asynchronous codec, and rolls back when that refuses", async () => {
  for (const n of [1, -1]) {
    const { storage, registry } = inside();
    const Count = notification("count", { topic: "news", data: type<number>() });
    const app = bootstrap(
      registry
        .on(Do, (_data, { emit }) => {
          emit(First("a"));
          return "";
        })
        .on(First, (_text, { emit }) => emit(Count(n))),
      { codec: lateCodec },
    );
    if (n > 0) await app.send(Do());
    else await assert.rejects(app.send(Do()), { code: "event_handling" });
    assert.deepEqual(await storage.outboxed(), n > 0 ? ["count 1"] : []);
  }
});

Deno.test("domainEvents: inside shows event handlers the signal of the call", async () => {
  const { log, registry } = inside();
  const caller = new AbortController();
  let seen: unknown;
  const app = bootstrap(
    registry
      .on(Do, (_data, { emit }) => {
        emit(First("a"), Told("do"));
        return "";
      })
      .on(First, async (_text, { signal }) => {
        caller.abort(reason);
        await settled();
        seen = signal.reason;
      }),
  );
  await assert.rejects(app.send(Do(), { signal: caller.signal }), reason);
  await settled(); // the event handler goes on
  await settled();
  assert.equal(seen, reason);
  assert.deepEqual(log, ["begin 1", "append 1 told", "rollback 1"]);
});

Deno.test("an event handler of an event after the commit has its own events inside its own transaction", async () => {
  const { log, storage, registry } = inside();
  const app = bootstrap(
    handlers()
      .add(
        handlers().use(transactional(storage)).on(Do, (_data, { emit }) => {
          emit(First("a"));
          return "";
        }),
      )
      .add(
        registry
          .on(First, (text, { emit }) => emit(Second(text)))
          .on(Second, (text, { emit }) => {
            log.push("second");
            emit(Told(text));
          }),
      ),
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "begin 1",
    "committing 1",
    "commit 1",
    "begin 2",
    "second",
    "append 2 told",
    "committing 2",
    "commit 2",
  ]);
});
