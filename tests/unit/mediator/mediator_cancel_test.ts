import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  fallback,
  handlers,
  type Middleware,
  type Registry,
  timeout,
  withRetry,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { recorder, settled } from "./support.ts";

const Work = command("work").returns<string>();
const Nested = command("nested").returns<string>();
const Done = domainEvent("done");
const reason = new Error("The caller has left");
const never = () => new Promise<never>(() => {});

Deno.test("send() rejects at once with the reason of a signal that has aborted, without running the handler", async () => {
  let runs = 0;
  const app = bootstrap(handlers().on(Work, () => `${runs++}`));
  await assert.rejects(app.send(Work(), { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(runs, 0);
});

Deno.test("send() rejects at once when its signal aborts, although the handler ignores it", async () => {
  const caller = new AbortController();
  const app = bootstrap(handlers().on(Work, never));
  const sent = app.send(Work(), { signal: caller.signal });
  await settled();
  caller.abort(reason);
  await assert.rejects(sent, reason);
});

Deno.test("send() rejects at once when its signal aborts, although the handler gave a promise of its own kind", async () => {
  /** As query builders do: a promise by its shape, not by its class. */
  const query: Promise<string> = {
    then: () => new Promise(() => {}),
    catch: () => new Promise(() => {}),
    finally: () => new Promise(() => {}),
    [Symbol.toStringTag]: "Query",
  };
  const caller = new AbortController();
  const app = bootstrap(handlers().on(Work, () => query));
  let outcome: unknown;
  app.send(Work(), { signal: caller.signal }).catch((error) => outcome = error);
  await settled();
  caller.abort(reason);
  await settled();
  assert.equal(outcome, reason);
});

Deno.test("send() rejects at once when its signal aborts in the handler's first step", async () => {
  const caller = new AbortController();
  const app = bootstrap(
    handlers().on(Work, () => {
      caller.abort(reason);
      return never();
    }),
  );
  let outcome: unknown;
  app.send(Work(), { signal: caller.signal }).catch((error) => outcome = error);
  await settled();
  assert.equal(outcome, reason);
});

Deno.test("send() does not run the handler when its signal aborts during start-up", async () => {
  const caller = new AbortController();
  const starting = Promise.withResolvers<void>();
  let runs = 0;
  const app = bootstrap(handlers().on(Work, () => `${runs++}`), {
    onStartup: [() => starting.promise],
  });
  const sent = app.send(Work(), { signal: caller.signal });
  const outcome = sent.catch((error) => error);
  caller.abort(reason);
  starting.resolve();
  assert.equal(await outcome, reason);
  await app.start();
  await settled();
  assert.equal(runs, 0);
});

Deno.test("send() rejects at once when its signal aborts during start-up", async () => {
  const caller = new AbortController();
  const starting = Promise.withResolvers<void>();
  const app = bootstrap(handlers().on(Work, () => ""), { onStartup: [() => starting.promise] });
  let outcome: unknown;
  const sent = app.send(Work(), { signal: caller.signal }).catch((error) => outcome = error);
  caller.abort(reason);
  await settled();
  const early = outcome;
  starting.resolve();
  await sent;
  assert.equal(early, reason);
});

Deno.test("send() leaves no listener on the signal of its caller, however it ends", async () => {
  const Fail = command("fail");
  const app = bootstrap(
    handlers().on(Work, async () => await Promise.resolve("done")).on(Fail, () => {
      throw new Error("Failed");
    }).on(Nested, never),
  );
  const caller = new AbortController();
  const { signal, listeners } = countingSignal(caller.signal);
  await app.send(Work(), { signal });
  await app.send(Fail(), { signal }).catch(() => {});
  await settled();
  assert.equal(listeners(), 0);
});

Deno.test("the signal of a handler aborts with the reason of its caller", async () => {
  const caller = new AbortController();
  let seen: unknown;
  const app = bootstrap(
    handlers().on(Work, (_data, { signal }) => {
      signal.addEventListener("abort", () => seen = signal.reason);
      return never();
    }),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  caller.abort(reason);
  await assert.rejects(sent, reason);
  assert.equal(seen, reason);
});

Deno.test("the signal of a handler whose caller gave none never aborts", async () => {
  const app = bootstrap(handlers().on(Work, (_data, { signal }) => `${signal.aborted}`));
  assert.equal(await app.send(Work()), "false");
});

const registries: Readonly<Record<string, Registry<never, Context>>> = {
  "a bare handler": handlers(),
  "a handler within a middleware": handlers().use((_context, next) => next()),
};

for (const [description, registry] of Object.entries(registries)) {
  Deno.test(`an abort drops what ${description} has emitted so far`, async () => {
    const caller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const { observer, of } = recorder();
    let dispatched = 0;
    const app = bootstrap(
      registry
        .on(Work, async (_data, { emit }) => {
          emit(Done());
          await gate.promise;
          return "late";
        })
        .on(Done, () => void dispatched++),
      { observer },
    );
    const sent = app.send(Work(), { signal: caller.signal });
    caller.abort(reason);
    await assert.rejects(sent, reason);
    gate.resolve();
    await settled();
    assert.equal(dispatched, 0);
    assert.deepEqual(of("dropped").map(({ reason }) => reason), ["cancelled"]);
  });

  Deno.test(`an emit of ${description} after the abort is refused`, async () => {
    const caller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const late = Promise.withResolvers<unknown>();
    const app = bootstrap(registry.on(Work, async (_data, { emit }) => {
      await gate.promise;
      try {
        emit(Done());
      } catch (error) {
        late.resolve(error);
      }
      return "late";
    }));
    const sent = app.send(Work(), { signal: caller.signal });
    caller.abort(reason);
    await assert.rejects(sent, reason);
    gate.resolve();
    const error = await late.promise;
    assert.ok(error instanceof Error);
    assert.equal(error.name, "HandlerSettledError");
  });
}

Deno.test("an abort after the handler succeeded does not stop the dispatch of its events", async () => {
  const caller = new AbortController();
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers()
      .on(Work, (_data, { emit }) => {
        emit(Done());
        return "worked";
      })
      .on(Done, async (_data, { signal }) => {
        begun.resolve();
        await gate.promise;
        log.push(`event handled, aborted: ${signal.aborted}`);
      }),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  await begun.promise;
  caller.abort(reason);
  gate.resolve();
  assert.equal(await sent, "worked");
  assert.deepEqual(log, ["event handled, aborted: false"]);
});

Deno.test("an abort after the commit does not stop dispatch, though middlewares are still at work", async () => {
  const caller = new AbortController();
  const committed = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const handled = Promise.withResolvers<void>();
  const afterwards: Middleware = async (_context, next) => {
    const result = await next();
    committed.resolve();
    await gate.promise;
    return result;
  };
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().use(afterwards)
      .on(Work, (_data, { emit }) => {
        emit(Done());
        return "worked";
      })
      .on(Done, () => handled.resolve()),
    { observer },
  );
  const sent = app.send(Work(), { signal: caller.signal }).catch(() => {});
  await committed.promise;
  caller.abort(reason);
  gate.resolve();
  await sent;
  await settled();
  assert.deepEqual(of("dropped"), []);
  await handled.promise;
});

Deno.test("an abort after the handler succeeded is too late, though middlewares are still at work", async () => {
  const caller = new AbortController();
  const succeeded = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers()
      .use(async (_context, next) => {
        const result = await next();
        succeeded.resolve();
        await gate.promise;
        return result;
      })
      .on(Work, () => "worked"),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  await succeeded.promise;
  caller.abort(reason);
  gate.resolve();
  assert.equal(await sent, "worked");
});

Deno.test("an abort is not too late because a run has succeeded after its time limit", async () => {
  const caller = new AbortController();
  const clock = new ManualClock();
  const late = Promise.withResolvers<string>();
  const app = bootstrap(
    handlers()
      .use((_context, next) => next().catch(never))
      .use(timeout(100, { clock }))
      .on(Work, () => late.promise),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  await clock.advance(100);
  late.resolve("late");
  await settled();
  caller.abort(reason);
  await assert.rejects(sent, reason);
});

Deno.test("an abort of the caller cancels nested sends", async () => {
  const caller = new AbortController();
  const begun = Promise.withResolvers<AbortSignal>();
  const app = bootstrap(
    handlers()
      .on(Work, (_data, { send }) => send(Nested()))
      .on(Nested, (_data, { signal }) => {
        begun.resolve(signal);
        return never();
      }),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  const signal = await begun.promise;
  caller.abort(reason);
  await assert.rejects(sent, reason);
  assert.equal(signal.reason, reason);
});

Deno.test("a nested send can have a signal of its own, which leaves the outer handler alone", async () => {
  const own = new AbortController();
  const app = bootstrap(
    handlers()
      .on(Work, async (_data, { send }) => {
        const nested = send(Nested(), { signal: own.signal });
        own.abort(reason);
        await assert.rejects(nested, reason);
        return "went on";
      })
      .on(Nested, never),
  );
  assert.equal(await app.send(Work()), "went on");
});

Deno.test("a caller that aborts gets no fallback", async () => {
  const caller = new AbortController();
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(
      Work,
      fallback(
        (_data, { signal }) =>
          new Promise<string>((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason))
          ),
        () => {
          log.push("fallback");
          return "fallback";
        },
      ),
    ),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  await settled();
  caller.abort(reason);
  await assert.rejects(sent, reason);
  await settled();
  assert.deepEqual(log, []);
});

Deno.test("a caller that aborts gets no further attempt", async () => {
  const caller = new AbortController();
  let runs = 0;
  const app = bootstrap(
    handlers().on(
      Work,
      withRetry((_data, { signal }) => {
        runs++;
        return new Promise<string>((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        );
      }, { backoff: () => 0 }),
    ),
  );
  const sent = app.send(Work(), { signal: caller.signal });
  await settled();
  caller.abort(reason);
  await assert.rejects(sent, reason);
  await settled();
  assert.equal(runs, 1);
});

Deno.test("a query that runs each time it is asked for its outcome is asked once, with and without a signal", async () => {
  for (const options of [{}, { signal: new AbortController().signal }]) {
    let runs = 0;
    const lazy = {
      then(resolve: (value: string) => void) {
        runs++;
        queueMicrotask(() => resolve("done"));
      },
    };
    const app = bootstrap(handlers().on(Work, () => lazy as unknown as Promise<string>));
    assert.equal(await app.send(Work(), options), "done");
    assert.equal(runs, 1);
  }
});
