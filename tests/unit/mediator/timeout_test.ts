import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  type Context,
  domainEvent,
  EventHandlingError,
  fallback,
  handlers,
  type Registry,
  retry,
  timeout,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder, settled } from "./support.ts";

const Work = command("work", type<number>()).returns<string>();
const Done = domainEvent("done", type<string>());
type Answer = (n: number, context: Context) => string | Promise<string>;

const ways: Readonly<
  Record<
    string,
    (clock: ManualClock, run: Answer) => Registry<ReturnType<typeof Work>, Context>
  >
> = {
  "withTimeout()": (clock, run) => handlers().on(Work, withTimeout(run, 100, { clock })),
  "timeout()": (clock, run) => handlers().use(timeout(100, { clock })).on(Work, run),
};

for (const [way, bind] of Object.entries(ways)) {
  Deno.test(`${way} lets a handler answer in time, and leaves no timer`, async () => {
    const clock = new ManualClock();
    const app = bootstrap(bind(clock, (n) => `${n}`));
    assert.equal(await app.send(Work(7)), "7");
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${way} lets the error of a handler through`, async () => {
    const failure = new Error("Failed");
    const app = bootstrap(bind(new ManualClock(), () => Promise.reject(failure)));
    await assert.rejects(app.send(Work(1)), (error) => error === failure);
  });

  Deno.test(`${way} aborts the signal and rejects at once with a TimeoutError, although the handler goes on`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<string>();
    let signal: AbortSignal | undefined;
    const app = bootstrap(bind(clock, (_n, context) => {
      signal = context.signal;
      return gate.promise;
    }));
    const sent = app.send(Work(1));
    await clock.advance(99);
    assert.equal(signal?.aborted, false);
    const rejected = assert.rejects(sent, { name: "TimeoutError" });
    await clock.advance(1);
    await rejected;
    assert.equal(signal?.reason.name, "TimeoutError");
    gate.resolve("");
  });

  Deno.test(`${way} refuses what a late handler emits, and shows the observer when it ends`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const late = Promise.withResolvers<unknown>();
    const { observer, of } = recorder();
    const app = bootstrap(
      bind(clock, async (_n, { emit }) => {
        await gate.promise;
        try {
          emit(Done("late"));
        } catch (error) {
          late.resolve(error);
        }
        return "late";
      }).on(Done, () => assert.fail("dispatched")),
      { observer },
    );
    const sent = assert.rejects(app.send(Work(1)), { name: "TimeoutError" });
    await clock.advance(100);
    await sent;
    await clock.advance(150);
    gate.resolve();
    assert.equal((await late.promise as Error).name, "HandlerSettledError");
    await settled();
    assert.deepEqual(of("overran").map(({ elapsedMs, outcome }) => [elapsedMs, outcome]), [
      [250, "fulfilled"],
    ]);
  });

  for (const ending of ["succeeds", "fails"] as const) {
    Deno.test(`${way} drops what a handler emitted in time that ${ending} late, and shows the observer`, async () => {
      const clock = new ManualClock();
      const gate = Promise.withResolvers<string>();
      const { observer, of } = recorder();
      const app = bootstrap(
        bind(clock, (_n, { emit }) => {
          emit(Done("in time"));
          return gate.promise;
        }).on(Done, () => assert.fail("dispatched")),
        { observer },
      );
      const sent = assert.rejects(app.send(Work(1)), { name: "TimeoutError" });
      await clock.advance(100);
      await sent;
      if (ending === "succeeds") gate.resolve("late");
      else gate.reject(new Error("Late"));
      await settled();
      assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
        [1, "cancelled"],
      ]);
    });
  }

  Deno.test(`${way} passes an abort of the caller on, and rejects with its reason`, async () => {
    const clock = new ManualClock();
    const caller = new AbortController();
    let signal: AbortSignal | undefined;
    const app = bootstrap(bind(clock, (_n, context) => {
      signal = context.signal;
      return new Promise(() => {});
    }));
    const sent = app.send(Work(1), { signal: caller.signal });
    await clock.timersPending();
    const reason = new Error("Gone");
    caller.abort(reason);
    await assert.rejects(sent, reason);
    await settled();
    assert.equal(signal?.reason, reason);
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${way} cancels nested sends when the time is over`, async () => {
    const Nested = command("nested").returns<string>();
    const clock = new ManualClock();
    const nested = Promise.withResolvers<AbortSignal>();
    const app = bootstrap(
      bind(clock, (_n, { send }) => send(Nested())).on(Nested, (_data, { signal }) => {
        nested.resolve(signal);
        return new Promise(() => {});
      }),
    );
    const sent = assert.rejects(app.send(Work(1)), { name: "TimeoutError" });
    const signal = await nested.promise;
    await clock.advance(100);
    await sent;
    assert.equal(signal.reason.name, "TimeoutError");
  });
}

for (const timeoutMs of [0, -1, NaN]) {
  Deno.test(`a time limit of ${timeoutMs} ms is refused when it is made`, () => {
    assert.throws(() => timeout(timeoutMs), { name: "RangeError" });
    assert.throws(() => withTimeout(() => {}, timeoutMs), { name: "RangeError" });
  });
}

Deno.test("a time limit of Infinity sets no timer", async () => {
  const clock = new ManualClock();
  const app = bootstrap(
    handlers().on(
      Work,
      withTimeout(() => `${clock.pendingTimers} timers`, Infinity, { clock }),
    ),
  );
  assert.equal(await app.send(Work(1)), "0 timers");
});

Deno.test("timeout() limits each event handler by itself, and its siblings' events count", async () => {
  const Followed = domainEvent("followed");
  const clock = new ManualClock();
  let followed = 0;
  const app = bootstrap(
    handlers()
      .on(Followed, () => void followed++)
      .use(timeout(100, { clock }))
      .on(
        Done,
        (_text, { emit }) => {
          emit(Followed());
          return new Promise(() => {});
        },
        (_text, { emit }) => emit(Followed()),
      ),
  );
  const dispatched = assert.rejects(app.dispatch(Done("")), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.deepEqual(error.errors.map((error) => (error as Error).name), ["TimeoutError"]);
    return true;
  });
  await clock.timersPending();
  await clock.advance(100);
  await dispatched;
  assert.equal(followed, 1);
});

const restarts: Readonly<
  Record<
    string,
    (clock: ManualClock, run: Answer) => Registry<ReturnType<typeof Work>, Context>
  >
> = {
  "withRetry(withTimeout())": (clock, run) =>
    handlers().on(Work, withRetry(withTimeout(run, 100, { clock }), { backoff: () => 0, clock })),
  "retry() around timeout()": (clock, run) =>
    handlers()
      .use(retry({ backoff: () => 0, clock })).use(timeout(100, { clock }))
      .on(Work, run),
  "fallback(withTimeout())": (clock, run) =>
    handlers().on(Work, fallback(withTimeout(run, 100, { clock }), run)),
  "a chain whose default has a time limit": (clock, run) =>
    handlers().on(
      Work,
      chain((n, context) => context.next().catch(() => run(n, context)), {
        otherwise: withTimeout(run, 100, { clock }),
      }),
    ),
};

for (const [description, bind] of Object.entries(restarts)) {
  Deno.test(`${description}: a run that timed out leaks none of its events into the next one, and the observer sees them dropped`, async () => {
    const clock = new ManualClock();
    const zombie = Promise.withResolvers<void>();
    const next = Promise.withResolvers<void>();
    const { observer, of } = recorder();
    const log: string[] = [];
    let runs = 0;
    const app = bootstrap(
      bind(clock, async (_n, { emit }) => {
        const run = ++runs;
        emit(Done(`run ${run}`));
        await (run === 1 ? zombie : next).promise;
        if (run === 1) assert.throws(() => emit(Done("late")), { code: "handler_settled" });
        return `run ${run}`;
      }).on(Done, (text) => void log.push(text)),
      { observer },
    );
    const sent = app.send(Work(1));
    await clock.timersPending();
    await clock.advance(100);
    await settled();
    await clock.advance(0); // the delay before the next attempt
    assert.equal(runs, 2);
    zombie.resolve(); // the first run ends while the second one is under way
    await settled();
    next.resolve();
    assert.equal(await sent, "run 2");
    assert.deepEqual(log, ["run 2"]);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
      ["run 1"],
    );
  });
}
