import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  domainEvent,
  EventHandlingError,
  fallback,
  handlers,
  type Middleware,
  notification,
  retry,
  token,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import { ConcurrencyError, type StorageTransaction } from "../../../src/storage/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder, settled } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Do = command("do", type<number>()).returns<string>();
const Done = domainEvent("done", type<number>());
const Told = notification("told", { topic: "news", data: type<number>(), key: () => "k" });
const failure = new Error("Failed");
const soon = { backoff: () => 0 };

Deno.test("retry() outside of transactional() runs the whole again, and emits once", async () => {
  const storage = ledger();
  const transactions = new Set<StorageTransaction>();
  const events: number[] = [];
  const { observer, of } = recorder();
  let runs = 0;
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n))
      .use(retry(soon)).use(transactional(storage)).on(Do, (_n, { tx, emit }) => {
        transactions.add(tx);
        tx.client.set("runs", ++runs);
        tx.client.set(`run ${runs}`, true);
        emit(Told(runs), Done(runs));
        if (runs < 3) throw failure;
        return "done";
      }),
    { observer },
  );
  assert.equal(await app.send(Do(0)), "done");
  assert.equal(transactions.size, 3);
  assert.equal(await storage.valueOf("runs"), 3);
  assert.equal(await storage.valueOf("run 1"), undefined);
  assert.deepEqual(await storage.outboxed(), ["told 3"]);
  assert.deepEqual(events, [3]);
  assert.deepEqual(of("dropped").map(({ messages }) => messages.map(({ data }) => data)), [
    [1, 1],
    [2, 2],
  ]);
});

Deno.test("retry() outside of transactional() runs the whole again after a conflict at the commit", async () => {
  const storage = ledger();
  const events: number[] = [];
  const { observer, of } = recorder();
  let runs = 0;
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n))
      .use(retry(soon)).use(transactional(storage)).on(Do, async (_n, { tx, emit }) => {
        const count = Number(tx.client.get("count") ?? 0);
        emit(Told(++runs), Done(runs));
        if (runs === 1) await storage.transaction(({ client }) => client.set("count", 10));
        tx.client.set("count", count + 1);
        return "done";
      }),
    { observer },
  );
  assert.equal(await app.send(Do(0)), "done");
  assert.equal(await storage.valueOf("count"), 11);
  assert.deepEqual(await storage.outboxed(), ["told 2"]);
  assert.deepEqual(events, [2]);
  assert.ok(of("retrying")[0]?.error instanceof ConcurrencyError);
  assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [2]);
});

Deno.test("retry() outside of transactional() leaves a command alone that has committed and whose events failed", async () => {
  const storage = ledger();
  let runs = 0;
  const app = bootstrap(
    handlers().on(Done, () => Promise.reject(failure))
      .use(retry(soon)).use(transactional(storage)).on(Do, (_n, { emit }) => {
        emit(Done(++runs));
        return "done";
      }),
  );
  await assert.rejects(app.send(Do(0)), EventHandlingError);
  assert.equal(runs, 1);
});

Deno.test("retry() within transactional() shares one transaction, and the last attempt emits", async () => {
  const storage = ledger();
  const transactions = new Set<StorageTransaction>();
  const events: number[] = [];
  let runs = 0;
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n))
      .use(transactional(storage)).use(retry(soon)).on(Do, (_n, { tx, emit }) => {
        transactions.add(tx);
        tx.client.set(`run ${++runs}`, true);
        emit(Told(runs), Done(runs));
        if (runs < 3) throw failure;
        return "done";
      }),
  );
  assert.equal(await app.send(Do(0)), "done");
  assert.equal(transactions.size, 1);
  assert.equal(await storage.valueOf("run 1"), true);
  assert.deepEqual(await storage.outboxed(), ["told 3"]);
  assert.deepEqual(events, [3]);
});

Deno.test("a middleware within transactional() that runs the handler twice has both runs counted", async () => {
  const storage = ledger();
  const twice: Middleware = async (_context, next) => {
    await next();
    return await next();
  };
  let runs = 0;
  const app = bootstrap(
    handlers().use(transactional(storage)).use(twice).on(Do, (_n, { emit }) => {
      emit(Told(++runs));
      return "done";
    }),
  );
  await app.send(Do(0));
  assert.deepEqual(await storage.outboxed(), ["told 1", "told 2"]);
  assert.equal(storage.log.filter((line) => line.startsWith("append")).length, 1);
});

Deno.test("a middleware outside of transactional() that runs it twice has two transactions", async () => {
  const storage = ledger();
  const events: number[] = [];
  const twice: Middleware = async (_context, next) => {
    await next();
    return await next();
  };
  let runs = 0;
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n)).use(twice).use(transactional(storage)).on(
      Do,
      (_n, { emit }) => {
        emit(Told(++runs), Done(runs));
        return "done";
      },
    ),
    { eventHandling: { concurrency: 1 } },
  );
  await app.send(Do(0));
  assert.deepEqual(await storage.outboxed(), ["told 1", "told 2"]);
  assert.deepEqual(events, [1, 2]);
  assert.equal(storage.log.filter((line) => line.startsWith("commit ")).length, 2);
});

Deno.test("a middleware within transactional() that does not wait for the handler does not have it counted", async () => {
  const storage = ledger();
  const { observer, of } = recorder();
  const gate = Promise.withResolvers<void>();
  let late: unknown;
  const impatient: Middleware = (_context, next) => {
    next().catch(() => {});
    return settled().then(() => "early");
  };
  const app = bootstrap(
    handlers().use(transactional(storage)).use(impatient).on(Do, async (_n, { emit }) => {
      emit(Told(1), Done(1));
      await gate.promise;
      try {
        emit(Told(2));
      } catch (error) {
        late = error;
      }
      return "late";
    }).on(Done, () => assert.fail("handled")),
    { observer },
  );
  assert.equal(await app.send(Do(0)), "early");
  gate.resolve();
  await settled();
  assert.deepEqual(await storage.outboxed(), []);
  assert.equal((late as Error).name, "HandlerSettledError");
  assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [2]);
});

const composites = {
  "withRetry()": {
    emitted: [2],
    bind: (storage: ReturnType<typeof ledger>) => {
      let runs = 0;
      return handlers().use(transactional(storage)).on(
        Do,
        withRetry((_n, { emit, tx }) => {
          emit(Told(++runs), Done(runs));
          tx.client.set("runs", runs);
          if (runs === 1) throw failure;
          return "done";
        }, soon),
      );
    },
  },
  "fallback()": {
    emitted: [2],
    bind: (storage: ReturnType<typeof ledger>) =>
      handlers().use(transactional(storage)).on(
        Do,
        fallback((_n, { emit }) => {
          emit(Told(1), Done(1));
          throw failure;
        }, (_n, { emit, tx }) => {
          emit(Told(2), Done(2));
          tx.client.set("runs", 2);
          return "done";
        }),
      ),
  },
  "chain()": {
    emitted: [1, 3],
    bind: (storage: ReturnType<typeof ledger>) =>
      handlers().use(transactional(storage)).on(
        Do,
        chain((_n, { emit, next }) => {
          emit(Told(1), Done(1));
          return next().catch(() => next(5));
        }, async (n, { emit, tx }) => {
          emit(Told(n === 5 ? 3 : 2), Done(n === 5 ? 3 : 2));
          await Promise.resolve();
          if (n !== 5) throw failure;
          tx.client.set("runs", 2);
          return "done";
        }),
      ),
  },
  "withTimeout()": {
    emitted: [1],
    bind: (storage: ReturnType<typeof ledger>) =>
      handlers().use(transactional(storage)).on(
        Do,
        withTimeout(
          (_n, { emit, tx }) => {
            emit(Told(1), Done(1));
            tx.client.set("runs", 2);
            return "done";
          },
          100,
          { clock: new ManualClock() },
        ),
      ),
  },
};

for (const [composite, { bind, emitted }] of Object.entries(composites)) {
  for (const scope of ["none", "handler"] as const) {
    Deno.test(`${composite} within transactional() has exactly what counts stored and dispatched, with scope "${scope}"`, async () => {
      const storage = ledger();
      const events: number[] = [];
      const app = bootstrap(
        handlers().on(Done, (n) => void events.push(n)).add(bind(storage)),
        { scope, eventHandling: { concurrency: 1 } },
      );
      assert.equal(await app.send(Do(0)), "done");
      assert.equal(await storage.valueOf("runs"), 2);
      assert.deepEqual(await storage.outboxed(), emitted.map((n) => `told ${n}`));
      assert.deepEqual(events, emitted);
    });
  }
}

const failing: Readonly<Record<string, Middleware>> = {
  "at once": async (_context, next) => {
    await next();
    throw failure;
  },
  "a while": async (_context, next) => {
    await next();
    await settled();
    throw failure;
  },
  "in the turn that follows": (_context, next) =>
    next().then(() => {
      throw failure;
    }),
};

for (const [when, middleware] of Object.entries(failing)) {
  Deno.test(`a middleware that fails ${when} after the commit of a request fails the call, and what follows from the commit is done`, async () => {
    const storage = ledger();
    const { observer, log } = recorder();
    const app = bootstrap(
      handlers().on(Done, () => {}).use(middleware).use(transactional(storage)).on(
        Do,
        (_n, { emit }) => {
          emit(Told(1), Done(1));
          return "done";
        },
      ),
      { observer },
    );
    await assert.rejects(app.send(Do(0)), failure);
    assert.deepEqual(await storage.outboxed(), ["told 1"]);
    assert.deepEqual(log(), [
      "dispatched do",
      "stored told",
      "dispatched done",
      "completed done",
      "failed do",
    ]);
  });

  Deno.test(`a middleware that fails ${when} after the commit of an event handler fails that, and what follows from the commit is done`, async () => {
    const storage = ledger();
    const Later = domainEvent("later");
    const { observer, log } = recorder();
    const app = bootstrap(
      handlers().on(Later, () => {}).use(middleware).use(transactional(storage)).on(
        Done,
        (_n, { emit }) => emit(Told(1), Later()),
      ),
      { observer },
    );
    await assert.rejects(app.dispatch(Done(0)), { code: "event_handling", cause: failure });
    assert.deepEqual(await storage.outboxed(), ["told 1"]);
    assert.deepEqual(log(), [
      "dispatched done",
      "failed done",
      "stored told",
      "dispatched later",
      "completed later",
    ]);
  });
}

Deno.test("a middleware that fails after the commit rejects with its own error, also if an event fails then", async () => {
  const storage = ledger();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Done, () => Promise.reject(new Error("Event"))).use(
      failing["at once"] as Middleware,
    )
      .use(transactional(storage)).on(Do, (_n, { emit }) => {
        emit(Done(1));
        return "done";
      }),
    { observer },
  );
  await assert.rejects(app.send(Do(0)), failure);
  assert.deepEqual(of("failed").map(({ message }) => message.type), ["done", "do"]);
});

Deno.test("a middleware that gives up while the commit is under way fails the call after it, and what follows from the commit is done", async () => {
  const storage = ledger();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  storage.at.committing = () => {
    begun.resolve();
    return gate.promise;
  };
  const impatient: Middleware = (_context, next) =>
    Promise.race([next(), begun.promise.then(() => Promise.reject(failure))]);
  const events: number[] = [];
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n)).use(impatient).use(transactional(storage)).on(
      Do,
      (_n, { emit }) => {
        emit(Told(1), Done(1));
        return "done";
      },
    ),
  );
  const sent = assert.rejects(app.send(Do(0)), failure);
  await settled();
  gate.resolve();
  await sent;
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
  assert.deepEqual(events, [1]);
});

Deno.test("a middleware of an event handler that gives up while the commit is under way fails that after it, and what follows from the commit is done", async () => {
  const storage = ledger();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  storage.at.committing = () => {
    begun.resolve();
    return gate.promise;
  };
  const Later = domainEvent("later");
  const impatient: Middleware = (_context, next) =>
    Promise.race([next(), begun.promise.then(() => Promise.reject(failure))]);
  let events = 0;
  const app = bootstrap(
    handlers().on(Later, () => void events++).use(impatient).use(transactional(storage)).on(
      Done,
      (_n, { emit }) => emit(Told(1), Later()),
    ),
  );
  const dispatched = assert.rejects(app.dispatch(Done(0)), { cause: failure });
  await settled();
  gate.resolve();
  await dispatched;
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
  assert.equal(events, 1);
});

for (const where of ["around", "around a middleware around", "around middlewares within"]) {
  Deno.test(`an attempt that a middleware ${where} transactional() gave up without an abort commits all or nothing of its own`, async () => {
    const storage = ledger();
    const gates = [0, 1].map(() => Promise.withResolvers<void>());
    const events: number[] = [];
    let attempts = 0;
    let runs = 0;
    const impatient: Middleware = (_context, next) =>
      ++attempts === 1
        ? Promise.race([next(), settled().then(() => Promise.reject(failure))])
        : next();
    const passOn: Middleware = (_context, next) => next();
    const outer = handlers().on(Done, (n) => void events.push(n)).use(retry(soon)).use(impatient);
    const app = bootstrap(
      (where === "around" ? outer : outer.use(passOn)).use(transactional(storage))
        .use(where === "around middlewares within" ? (_context, next) => next() : passOn)
        .on(Do, async (_n, { tx, emit }) => {
          const run = runs++;
          tx.client.set(`run ${run}`, true);
          emit(Told(run), Done(run));
          await gates[run]?.promise;
          return "done";
        }),
    );
    const sent = app.send(Do(0));
    while (runs < 2) await settled();
    gates[0]?.resolve();
    await settled();
    gates[1]?.resolve();
    await sent;
    // It was not told to stop, so it has committed.
    assert.equal(await storage.valueOf("run 0"), true);
    assert.deepEqual(await storage.outboxed(), ["told 0", "told 1"]);
    assert.deepEqual(events.sort(), [0, 1]);
  });
}

for (const options of [{}, { signal: new AbortController().signal }]) {
  const signal = "signal" in options ? "with" : "without";
  Deno.test(`transactional() has counted what is emitted at any time, ${signal} a signal`, async () => {
    for (const domainEvents of ["after", "inside"] as const) {
      for (let turns = 0; turns < 5; turns++) {
        const storage = ledger();
        const transaction = transactional(storage, { domainEvents });
        const app = bootstrap(
          handlers().use(transaction)
            .on(Do, async (_n, context) => {
              for (let i = 0; i < turns; i++) await Promise.resolve();
              context.emit(Told(turns), Done(turns));
              return "done";
            })
            .on(Done, async (n, context) => {
              for (let i = 0; i < turns; i++) await Promise.resolve();
              context.emit(Told(n + 10));
            }),
        );
        await app.send(Do(0), options);
        assert.deepEqual(await storage.outboxed(), [`told ${turns}`, `told ${turns + 10}`]);
      }
    }
  });
}

Deno.test("a scope that cannot be disposed within transactional() is an error of the call at its end, and nothing is undone", async () => {
  const Unit = token<object>("unit");
  const services = container().provide(Unit, () => ({}), {
    lifetime: "scoped",
    dispose: () => Promise.reject(failure),
  });
  const storage = ledger();
  const events: number[] = [];
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n)).use(transactional(storage)).on(
      Do,
      async (_n, { emit, resolve }) => {
        await resolve(Unit);
        emit(Told(1), Done(1));
        return "done";
      },
    ),
    { container: services, scope: "handler" },
  );
  await assert.rejects(app.send(Do(0)), failure);
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
  assert.deepEqual(events, [1]);
});

Deno.test("a middleware that gives up before the commit has the transaction rolled back", async () => {
  const storage = ledger();
  const gate = Promise.withResolvers<void>();
  const impatient: Middleware = (_context, next) =>
    Promise.race([next(), settled().then(() => Promise.reject(failure))]);
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Done, () => assert.fail("handled")).use(impatient).use(transactional(storage)).on(
      Do,
      async (n, { tx, emit }) => {
        tx.client.set("n", n);
        emit(Told(1), Done(1));
        await gate.promise;
        return "done";
      },
    ),
    { observer },
  );
  await assert.rejects(app.send(Do(7)), failure);
  gate.resolve();
  await settled();
  assert.deepEqual(storage.log, ["begin 1", "append 1 told", "rollback 1"]);
  assert.equal(await storage.valueOf("n"), undefined);
  assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [2]);
});

Deno.test("of two transactions that run at the same time in one call, both count that commit", async () => {
  const storage = ledger();
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  storage.at.committing = () => gate.promise;
  const both: Middleware = (_context, next) => Promise.all([next(), next()]);
  const events: number[] = [];
  const app = bootstrap(
    handlers().on(Done, (n) => void events.push(n)).use(both).use(transactional(storage)).on(
      Do,
      (_n, { emit }) => {
        emit(Told(++runs), Done(runs));
        return "done";
      },
    ),
    { eventHandling: { concurrency: 1 } },
  );
  const sent = app.send(Do(0));
  await settled();
  gate.resolve();
  await sent;
  assert.deepEqual(await storage.outboxed(), ["told 1", "told 2"]);
  assert.deepEqual(events, [1, 2]);
});
