import assert from "node:assert/strict";
import {
  bootstrap,
  type Context,
  domainEvent,
  fallback,
  handlers,
  type Registry,
  retry,
  streamRequest,
  timeout,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder, settled } from "./support.ts";

const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done", type<string>());
type Run = (data: void, context: Context) => AsyncIterable<number>;
type Bind = (
  clock: ManualClock,
  run: Run,
) => Registry<ReturnType<typeof Items>, Context>;

const ways: Readonly<Record<string, Bind>> = {
  "withTimeout()": (clock, run) => handlers().on(Items, withTimeout(run, 100, { clock })),
  "timeout()": (clock, run) => handlers().use(timeout(100, { clock })).on(Items, run),
};

const never = () => new Promise<never>(() => {});

for (const [way, bind] of Object.entries(ways)) {
  Deno.test(`${way} limits each item of a stream by itself, and not the time of the reader`, async () => {
    const clock = new ManualClock();
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const app = bootstrap(bind(clock, async function* () {
      for (const [index, gate] of gates.entries()) {
        await gate.promise;
        yield index;
      }
    }));
    const stream = app.stream(Items());
    for (const [index, gate] of gates.entries()) {
      const reading = stream.next();
      await clock.advance(99);
      gate.resolve();
      assert.deepEqual(await reading, { done: false, value: index });
      await clock.advance(1_000);
    }
    assert.equal((await stream.next()).done, true);
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${way} rejects the read of an item that takes too long, and aborts the handler's signal`, async () => {
    const clock = new ManualClock();
    let signal: AbortSignal | undefined;
    const app = bootstrap(bind(clock, async function* (_data, context) {
      signal = context.signal;
      yield 1;
      await never();
    }));
    const stream = app.stream(Items());
    await stream.next();
    const rejected = assert.rejects(stream.next(), { name: "TimeoutError" });
    await settled();
    await clock.advance(100);
    await rejected;
    assert.equal(signal?.reason.name, "TimeoutError");
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${way} drops what a stream that ran out of time emitted since its last item, and refuses the rest`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const late = Promise.withResolvers<unknown>();
    const { observer, of } = recorder();
    const log: string[] = [];
    const app = bootstrap(
      bind(clock, async function* (_data, { emit }) {
        try {
          emit(Done("before the item"));
          yield 1;
          emit(Done("in time"));
          await gate.promise;
          yield 2;
        } finally {
          try {
            emit(Done("late"));
          } catch (error) {
            late.resolve(error);
          }
        }
      }).on(Done, (text) => void log.push(text)),
      { observer },
    );
    const stream = app.stream(Items());
    await stream.next();
    const rejected = assert.rejects(stream.next(), { name: "TimeoutError" });
    await settled();
    await clock.advance(100);
    await rejected;
    gate.resolve();
    assert.equal((await late.promise as Error).name, "HandlerSettledError");
    await settled();
    assert.deepEqual(log, ["before the item"]);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
      ["in time"],
    );
    assert.equal(of("overran").length, 1);
  });

  Deno.test(`${way} refuses what a stream emits as soon as it learns that its time is over`, async () => {
    const clock = new ManualClock();
    let refused: unknown;
    const app = bootstrap(bind(clock, async function* (_data, { emit, signal }) {
      signal.addEventListener("abort", () => {
        try {
          emit(Done("too late"));
        } catch (error) {
          refused = error;
        }
      });
      await never();
      yield 1;
    }));
    const rejected = assert.rejects(app.stream(Items()).next(), { name: "TimeoutError" });
    await clock.timersPending();
    await clock.advance(100);
    await rejected;
    assert.equal((refused as Error | undefined)?.name, "HandlerSettledError");
  });

  Deno.test(`${way} runs the finally of a stream that is left, whose events count`, async () => {
    const clock = new ManualClock();
    const log: string[] = [];
    const app = bootstrap(
      bind(clock, async function* (_data, { emit, signal }) {
        try {
          yield 1;
          yield 2;
        } finally {
          emit(Done(`left, aborted: ${signal.aborted}`));
        }
      }).on(Done, (text) => void log.push(text)),
    );
    for await (const _item of app.stream(Items())) break;
    assert.deepEqual(log, ["left, aborted: true"]);
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${way} cancels the work on an item when the reader leaves`, async () => {
    const clock = new ManualClock();
    const log: string[] = [];
    const app = bootstrap(bind(clock, async function* (_data, { signal }) {
      try {
        await new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        );
        yield 1;
      } finally {
        log.push("finally");
      }
    }));
    const stream = app.stream(Items());
    const reading = stream.next();
    await clock.timersPending();
    await stream.return();
    assert.deepEqual(log, ["finally"]);
    assert.equal((await reading).done, true);
    assert.equal(clock.pendingTimers, 0);
  });
}

const restarts: Readonly<Record<string, Bind>> = {
  "withRetry(withTimeout())": (clock, run) =>
    handlers().on(
      Items,
      withRetry(withTimeout(run, 100, { clock }), { backoff: () => 0, clock, mode: "restart" }),
    ),
  "retry() around timeout()": (clock, run) =>
    handlers()
      .use(retry({ backoff: () => 0, clock, mode: "restart" })).use(timeout(100, { clock }))
      .on(Items, run),
  "retry() around timeout() with a function between": (clock, run) =>
    handlers()
      .use(retry({ backoff: () => 0, clock, mode: "restart" }))
      .use((_context, next) => next())
      .use(timeout(100, { clock }))
      .on(Items, run),
  "fallback(withTimeout())": (clock, run) =>
    handlers().on(Items, fallback(withTimeout(run, 100, { clock }), run, { mode: "restart" })),
};

for (const [description, bind] of Object.entries(restarts)) {
  Deno.test(`${description}: a stream that timed out leaks none of its events into the next one, and the observer sees them dropped`, async () => {
    const clock = new ManualClock();
    const zombie = Promise.withResolvers<void>();
    const next = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const { observer, of } = recorder();
    const log: string[] = [];
    let runs = 0;
    const app = bootstrap(
      bind(clock, async function* (_data, { emit }) {
        const run = ++runs;
        try {
          emit(Done(`run ${run}, first`));
          yield run;
          emit(Done(`run ${run}, second`));
          await (run === 1 ? zombie : next).promise;
          yield run * 10;
        } finally {
          if (run === 1) {
            assert.throws(() => emit(Done("late")), { code: "handler_settled" });
            ended.resolve();
          }
        }
      }).on(Done, (text) => void log.push(text)),
      { observer },
    );
    const stream = app.stream(Items());
    assert.equal((await stream.next()).value, 1);
    const second = stream.next();
    await settled();
    await clock.advance(100);
    await settled();
    await clock.advance(0); // the delay before the next attempt
    assert.equal((await second).value, 2);
    const third = stream.next();
    zombie.resolve();
    await ended.promise;
    await settled();
    next.resolve();
    assert.equal((await third).value, 20);
    assert.equal((await stream.next()).done, true);
    assert.deepEqual(log, ["run 1, first", "run 2, first", "run 2, second"]);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
      ["run 1, second"],
    );
  });
}
