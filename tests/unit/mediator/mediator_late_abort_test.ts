import assert from "node:assert/strict";
import {
  bootstrap,
  type BootstrapOptions,
  circuitBreaker,
  type CircuitStateStore,
  type Codec,
  command,
  type Context,
  domainEvent,
  fallback,
  type Handler,
  handlers,
  memoryBroker,
  memoryCircuitStore,
  notification,
  timeout,
  token,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder, settled } from "./support.ts";

const Work = command("work").returns<string>();
const Done = domainEvent("done");
const Told = notification("told", { data: type<number>(), topic: "t" });
const Unit = token<object>("unit of work");
const reason = new Error("The caller has left");

/** A codec that waits for `gate`. */
function gatedCodec(gate: Promise<void>): Codec {
  return {
    contentType: "application/json",
    encode: (data) => gate.then(() => new TextEncoder().encode(JSON.stringify(data))),
    decode: () => undefined,
  };
}

type Worker = (data: unknown, context: Context) => string | Promise<string>;

/** What a handler may stand in, without which its success is that of the call. */
const surrounded: Readonly<
  Record<string, (work: Worker) => Handler<ReturnType<typeof Work>, Context>>
> = {
  "no composite": (work) => work,
  "withRetry()": (work) => withRetry(work),
  "fallback()": (work) => fallback(work, () => "fell back"),
  "withTimeout()": (work) => withTimeout(work, 1_000, { clock: new ManualClock() }),
};

for (const [where, surround] of Object.entries(surrounded)) {
  Deno.test(`an abort while an asynchronous codec is at work for a handler that succeeded within ${where} is too late`, async () => {
    const caller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const broker = memoryBroker();
    const { observer, of } = recorder();
    let events = 0;
    const options: BootstrapOptions = {
      broker,
      observer,
      codec: gatedCodec(gate.promise),
    };
    const work = (_data: unknown, { emit }: Pick<Context, "emit">) => {
      emit(Done(), Told(1));
      return "worked";
    };
    const registry = handlers().on(Done, () => void events++);
    const app = bootstrap(
      registry.on(Work, surround(work)),
      options,
    );
    const sent = app.send(Work(), { signal: caller.signal });
    await settled();
    caller.abort(reason);
    gate.resolve();
    assert.equal(await sent, "worked");
    assert.equal(events, 1);
    assert.equal(of("published").length, 1);
    assert.deepEqual([of("dropped"), of("cancelled")], [[], []]);
  });
}

/** A store that is slow, and calls `onUse` whenever it is at work. */
function watchedStore(onUse: () => void): CircuitStateStore {
  const memory = memoryCircuitStore();
  return {
    async load(name) {
      await settled();
      onUse();
      await settled();
      return await memory.load(name);
    },
    async save(name, expectedVersion, state) {
      await settled();
      onUse();
      await settled();
      return await memory.save(name, expectedVersion, state);
    },
  };
}

Deno.test("an abort while a circuit breaker notes the success of a primary is too late", async () => {
  const caller = new AbortController();
  let hasSucceeded = false;
  let shouldFail = true;
  let events = 0;
  const breaker = circuitBreaker({
    name: "work",
    failureThreshold: 3,
    store: watchedStore(() => hasSucceeded && caller.abort(reason)),
  });
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(
        Work,
        fallback(
          (_data, { emit }) => {
            if (shouldFail) throw new Error("Away");
            emit(Done());
            hasSucceeded = true;
            return "worked";
          },
          () => "fell back",
          { circuitBreaker: breaker },
        ),
      )
      .on(Done, () => void events++),
    { observer },
  );
  // A failure before, so that the success has to be noted.
  assert.equal(await app.send(Work()), "fell back");
  shouldFail = false;
  assert.equal(await app.send(Work(), { signal: caller.signal }), "worked");
  assert.equal(caller.signal.aborted, true);
  assert.equal(events, 1);
  assert.deepEqual([of("dropped"), of("cancelled")], [[], []]);
});

for (const [where, surround] of Object.entries(surrounded)) {
  Deno.test(`an abort while the scope of a handler that succeeded within ${where} ends is too late`, async () => {
    const caller = new AbortController();
    let events = 0;
    const services = container().provide(Unit, () => ({}), {
      lifetime: "scoped",
      dispose: async () => {
        await settled();
        caller.abort(reason);
        await settled();
      },
    });
    const work = async (_data: unknown, { emit, resolve }: Pick<Context, "emit" | "resolve">) => {
      await resolve(Unit);
      emit(Done());
      return "worked";
    };
    const { observer, of } = recorder();
    const registry = handlers().on(Done, () => void events++);
    const app = bootstrap(
      registry.on(Work, surround(work)),
      { container: services, scope: "handler", observer },
    );
    assert.equal(await app.send(Work(), { signal: caller.signal }), "worked");
    assert.equal(caller.signal.aborted, true);
    assert.equal(events, 1);
    assert.deepEqual([of("dropped"), of("cancelled")], [[], []]);
  });
}

Deno.test("the events of a handler that succeeds after its time limit are dropped", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const { observer, of } = recorder();
  let events = 0;
  const app = bootstrap(
    handlers()
      .on(
        Work,
        withTimeout(
          async (_data, { emit }) => {
            emit(Done());
            await gate.promise;
            return "worked";
          },
          100,
          { clock },
        ),
      )
      .on(Done, () => void events++),
    { observer },
  );
  const sent = assert.rejects(app.send(Work()), { name: "TimeoutError" });
  await clock.advance(100);
  gate.resolve();
  await sent;
  await settled();
  assert.equal(events, 0);
  assert.deepEqual(of("dropped").map(({ reason }) => reason), ["cancelled"]);
});

Deno.test("an abort is not too late because a handler has succeeded after its time limit", async () => {
  const caller = new AbortController();
  const clock = new ManualClock();
  const gate = Promise.withResolvers<string>();
  const app = bootstrap(
    handlers()
      .use((_context, next) => next().catch(() => new Promise(() => {})))
      .on(Work, withTimeout(() => gate.promise, 100, { clock })),
  );
  let outcome: unknown;
  app.send(Work(), { signal: caller.signal }).catch((error) => outcome = error);
  await settled();
  await clock.advance(100);
  gate.resolve("late");
  await settled();
  caller.abort(reason);
  await settled();
  assert.equal(outcome, reason);
});

Deno.test("an abort in any turn around the success of a retried handler drops its events if and only if it rejects", async () => {
  const outcomes = new Set<boolean>();
  for (let turns = 0; turns < 20; turns++) {
    const caller = new AbortController();
    let events = 0;
    const app = bootstrap(
      handlers()
        .on(
          Work,
          withRetry(async (_data, { emit }) => {
            emit(Done());
            await Promise.resolve();
            return "worked";
          }),
        )
        .on(Done, () => void events++),
    );
    const sent = app.send(Work(), { signal: caller.signal }).then(() => true, () => false);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    caller.abort(reason);
    const isDone = await sent;
    await settled();
    assert.equal(events, isDone ? 1 : 0, `after ${turns} turns`);
    outcomes.add(isDone);
  }
  assert.equal(outcomes.size, 2);
});

Deno.test("an abort while middlewares within timeout() are at work after the handler has succeeded is too late", async () => {
  const caller = new AbortController();
  const { observer, of } = recorder();
  let events = 0;
  const app = bootstrap(
    handlers()
      .on(Done, () => void events++)
      .use(timeout(1_000, { clock: new ManualClock() }))
      .use(async (_context, next) => {
        const result = await next();
        caller.abort(reason);
        await settled();
        return result;
      })
      .on(Work, (_data, { emit }) => {
        emit(Done());
        return "worked";
      }),
    { observer },
  );
  assert.equal(await app.send(Work(), { signal: caller.signal }), "worked");
  assert.equal(events, 1);
  assert.deepEqual([of("dropped"), of("cancelled")], [[], []]);
});

for (const additions of [undefined, { tx: 1 }]) {
  const how = additions === undefined ? "next()" : "next() with additions";
  Deno.test(`an abort is not too late because a run of the handler before has succeeded, whose ${how} was called again`, async () => {
    const caller = new AbortController();
    let runs = 0;
    let events = 0;
    const app = bootstrap(
      handlers()
        .on(Done, () => void events++)
        .use(async (_context, next) => {
          await next(additions);
          return await next(additions);
        })
        .on(Work, (_data, { emit }) => {
          emit(Done());
          if (++runs === 1) return "first";
          caller.abort(reason);
          return new Promise<string>(() => {});
        }),
    );
    await assert.rejects(app.send(Work(), { signal: caller.signal }), reason);
    assert.equal(events, 0);
  });
}
