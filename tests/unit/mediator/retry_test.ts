import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  memoryBroker,
  notification,
  query,
  type Registry,
  retry,
  SluiceError,
  streamRequest,
  type,
  withRetry,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { bodyOf, recorder, settled } from "./support.ts";

const Work = command("work").returns<number>();
const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });
const atOnce = { backoff: () => 0 };
const hiccup = new Error("Hiccup");

type Run = (run: number, context: Context) => number | Promise<number>;
type StreamRun = (run: number, context: Context) => AsyncIterable<number>;

/** The two ways to retry, with the same handler, which learns the number of its run from 1. */
const ways = {
  "withRetry()": {
    call: (run: Run, options: Parameters<typeof retry>[0] = atOnce) => {
      let runs = 0;
      return handlers().on(Work, withRetry((_data, context) => run(++runs, context), options));
    },
    stream: (run: StreamRun, options: Parameters<typeof retry>[0] = atOnce) => {
      let runs = 0;
      return handlers().on(Items, withRetry((_data, context) => run(++runs, context), options));
    },
  },
  "retry()": {
    call: (run: Run, options: Parameters<typeof retry>[0] = atOnce) => {
      let runs = 0;
      return handlers().use(retry(options)).on(Work, (_data, context) => run(++runs, context));
    },
    stream: (run: StreamRun, options: Parameters<typeof retry>[0] = atOnce) => {
      let runs = 0;
      return handlers().use(retry(options)).on(Items, (_data, context) => run(++runs, context));
    },
  },
};

for (const [way, { call, stream }] of Object.entries(ways)) {
  Deno.test(`${way} runs a failing handler again until it succeeds`, async () => {
    const app = bootstrap(call((run) => {
      if (run < 3) throw hiccup;
      return run;
    }));
    assert.equal(await app.send(Work()), 3);
  });

  Deno.test(`${way} rejects with the last error, unchanged, when its attempts are used up`, async () => {
    const errors = [1, 2, 3].map((n) => new Error(`Attempt ${n}`));
    const app = bootstrap(call((run) => Promise.reject(errors[run - 1])));
    await assert.rejects(app.send(Work()), (error) => error === errors[2]);
  });

  Deno.test(`${way} makes as many attempts as it is told`, async () => {
    let runs = 0;
    const app = bootstrap(call((run) => {
      runs = run;
      throw hiccup;
    }, { ...atOnce, maxAttempts: 5 }));
    await assert.rejects(app.send(Work()), hiccup);
    assert.equal(runs, 5);
  });

  Deno.test(`${way} does not repeat after an error that its filter does not match`, async () => {
    let runs = 0;
    const app = bootstrap(call((run) => {
      runs = run;
      throw hiccup;
    }, { ...atOnce, when: (error) => error !== hiccup }));
    await assert.rejects(app.send(Work()), hiccup);
    assert.equal(runs, 1);
  });

  Deno.test(`${way} does not repeat after Sluice's own errors of misuse, by default`, async () => {
    let runs = 0;
    const app = bootstrap(call((run, { emit }) => {
      runs = run;
      emit(Told(1));
      return run;
    }));
    await assert.rejects(app.send(Work()), (error) => error instanceof SluiceError);
    assert.equal(runs, 1);
  });

  Deno.test(`a handler that ${way} runs again emits once, and the observer sees the drops`, async () => {
    const broker = memoryBroker();
    const { observer, of } = recorder();
    const dispatched: number[] = [];
    const app = bootstrap(
      call((run, { emit }) => {
        emit(Done(run), Told(run));
        if (run < 3) throw hiccup;
        return run;
      }).on(Done, (run) => void dispatched.push(run)),
      { broker, observer },
    );
    await app.send(Work());
    assert.deepEqual(dispatched, [3]);
    assert.deepEqual(broker.messages("news").map(bodyOf), [3]);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.map(({ data }) => data)), [
      [1, 1],
      [2, 2],
    ]);
  });

  Deno.test(`${way} waits between attempts as its backoff says, and tells the observer`, async () => {
    const clock = new ManualClock();
    const { observer, of } = recorder();
    const app = bootstrap(
      call((run) => {
        if (run < 3) throw hiccup;
        return run;
      }, { clock, backoff: (attempt) => attempt * 100 }),
      { observer },
    );
    let result: number | undefined;
    const sent = app.send(Work()).then((value) => result = value);
    await clock.timersPending();
    await clock.advance(100);
    await clock.advance(199);
    assert.equal(result, undefined);
    await clock.advance(1);
    await sent;
    assert.equal(result, 3);
    assert.deepEqual(
      of("retrying").map(({ attempt, delayMs, error }) => [attempt, delayMs, error]),
      [
        [1, 100, hiccup],
        [2, 200, hiccup],
      ],
    );
  });

  Deno.test(`${way} ends its wait when the caller aborts, and makes no further attempt`, async () => {
    const clock = new ManualClock();
    const caller = new AbortController();
    let runs = 0;
    const app = bootstrap(call((run) => {
      runs = run;
      throw hiccup;
    }, { clock, backoff: () => 1_000 }));
    const sent = app.send(Work(), { signal: caller.signal });
    await clock.timersPending();
    caller.abort(new Error("Gone"));
    await assert.rejects(sent, { message: "Gone" });
    await settled();
    assert.equal(clock.pendingTimers, 0);
    assert.equal(runs, 1);
  });

  Deno.test(`${way} opens a failing stream again before its first item`, async () => {
    const app = bootstrap(stream(async function* (run) {
      if (run < 3) throw hiccup;
      yield run;
      yield run + 1;
    }));
    assert.deepEqual(await Array.fromAsync(app.stream(Items())), [3, 4]);
  });

  Deno.test(`${way} does not open a stream again after an item, by default`, async () => {
    const items: number[] = [];
    const app = bootstrap(stream(async function* (run) {
      yield run;
      throw hiccup;
    }));
    await assert.rejects(async () => {
      for await (const item of app.stream(Items())) items.push(item);
    }, hiccup);
    assert.deepEqual(items, [1]);
  });

  Deno.test(`${way} does not open a stream again after an error that its filter does not match`, async () => {
    let runs = 0;
    const app = bootstrap(stream(async function* (run) {
      runs = run;
      if (run > 0) throw hiccup;
      yield run;
    }, { ...atOnce, when: (error) => error !== hiccup }));
    await assert.rejects(app.stream(Items()).next(), hiccup);
    assert.equal(runs, 1);
  });

  Deno.test(`${way} in mode "restart" opens a stream again from its beginning, items may repeat`, async () => {
    const { observer, of } = recorder();
    const app = bootstrap(
      stream(async function* (run) {
        yield 10;
        if (run < 3) throw hiccup;
        yield 20;
      }, { ...atOnce, mode: "restart" }),
      { observer },
    );
    assert.deepEqual(await Array.fromAsync(app.stream(Items())), [10, 10, 10, 20]);
    assert.deepEqual(of("retrying").map(({ attempt }) => attempt), [1, 2]);
  });

  Deno.test(`a stream that ${way} opens again lets only the events of what it delivered out`, async () => {
    const dispatched: number[] = [];
    const app = bootstrap(
      stream(async function* (run, { emit }) {
        emit(Done(run));
        if (run < 3) throw hiccup;
        yield run;
        emit(Done(run * 10));
      }).on(Done, (n) => void dispatched.push(n)),
    );
    await Array.fromAsync(app.stream(Items()));
    assert.deepEqual(dispatched, [3, 30]);
  });

  Deno.test(`${way} rejects with the last error of a stream when its attempts are used up`, async () => {
    let runs = 0;
    const app = bootstrap(stream(async function* (run) {
      runs = run;
      if (run > 0) throw hiccup;
      yield run;
    }));
    await assert.rejects(app.stream(Items()).next(), hiccup);
    assert.equal(runs, 3);
  });

  Deno.test(`${way} does not open a stream again that its reader has left`, async () => {
    const clock = new ManualClock();
    let runs = 0;
    const app = bootstrap(stream(async function* (run) {
      runs = run;
      if (run > 0) throw hiccup;
      yield run;
    }, { clock, backoff: () => 1_000 }));
    const opened = app.stream(Items());
    const reading = opened.next();
    await clock.timersPending();
    await opened.return();
    assert.deepEqual(await reading, { done: true, value: undefined });
    assert.equal(clock.pendingTimers, 0);
    assert.equal(runs, 1);
  });

  for (
    const [option, value] of [["maxAttempts", 0], ["maxAttempts", 1.5], [
      "maxAttempts",
      NaN,
    ]] as const
  ) {
    Deno.test(`${way} refuses ${value} as "${option}" when it is made`, () => {
      assert.throws(() => call(() => 1, { [option]: value }), { name: "RangeError" });
    });
  }
}

const eventWays: Readonly<
  Record<
    string,
    (
      registry: Registry<never, Context>,
      run: (n: number, context: Context) => void,
    ) => Registry<ReturnType<typeof Done>, Context>
  >
> = {
  "withRetry()": (registry, run) => registry.on(Done, withRetry(run, atOnce)),
  "retry()": (registry, run) => registry.use(retry(atOnce)).on(Done, run),
};

for (const [way, bind] of Object.entries(eventWays)) {
  Deno.test(`${way} retries an event handler by itself, whose follow-ups come out once`, async () => {
    const Followed = domainEvent("followed", type<number>());
    let runs = 0;
    let siblings = 0;
    const followed: number[] = [];
    const registry = bind(handlers(), (_n, { emit }) => {
      emit(Followed(++runs));
      if (runs < 3) throw hiccup;
    });
    const app = bootstrap(
      registry
        .on(Done, () => void siblings++)
        .on(Followed, (n) => void followed.push(n)),
    );
    await app.dispatch(Done(1));
    assert.deepEqual(followed, [3]);
    assert.equal(siblings, 1);
  });
}

Deno.test("retry() does not run a command again whose events failed", async () => {
  let runs = 0;
  const app = bootstrap(
    handlers()
      .on(Done, () => {
        throw hiccup;
      })
      .use(retry(atOnce))
      .on(Work, (_data, { emit }) => {
        emit(Done(++runs));
        return runs;
      }),
  );
  await assert.rejects(app.send(Work()), { code: "event_handling" });
  assert.equal(runs, 1);
});

Deno.test("retry() does not run the sender again when the events of its nested send failed", async () => {
  const Outer = query("outer").returns<number>();
  let runs = 0;
  const app = bootstrap(
    handlers()
      .on(Work, (_data, { emit }) => {
        emit(Done(1));
        return 1;
      })
      .on(Done, () => {
        throw hiccup;
      })
      .use(retry(atOnce))
      .on(Outer, (_data, { send }) => {
        runs++;
        return send(Work());
      }),
  );
  await assert.rejects(app.send(Outer()), { code: "event_handling" });
  assert.equal(runs, 1);
});

Deno.test("withRetry() within withRetry() multiplies its attempts and emits once", async () => {
  let runs = 0;
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Work,
        withRetry(
          withRetry((_data, { emit }) => {
            emit(Done(++runs));
            if (runs < 4) throw hiccup;
            return runs;
          }, { ...atOnce, maxAttempts: 2 }),
          { ...atOnce, maxAttempts: 2 },
        ),
      )
      .on(Done, (n) => void dispatched.push(n)),
  );
  assert.equal(await app.send(Work()), 4);
  assert.deepEqual(dispatched, [4]);
});
