import { bootstrap, handlers, memoryBroker } from "@sluice/cqrs";
import { memorySource } from "@sluice/cqrs/consumer";
import assert from "node:assert/strict";
import { bench, HandSource, Joined, joined } from "./support.ts";

function slow() {
  const begun = Promise.withResolvers<AbortSignal>();
  const end = Promise.withResolvers<void>();
  const runs: string[] = [];
  const app = bootstrap(
    handlers().on(Joined, async ({ id }, { signal }) => {
      runs.push(id);
      begun.resolve(signal);
      await end.promise;
    }),
  );
  return { app, begun: begun.promise, end: end.resolve, fail: end.reject, runs };
}

Deno.test("EventConsumer.tick() ends when nothing has come for idleMs since the last was done", async () => {
  const { app, begun, end } = slow();
  const { source, consumer, clock, told } = bench({ app });
  const ticking = consumer.tick({ budgetMs: 600_000, idleMs: 100 });
  let isOver = false;
  ticking.then(() => isOver = true);
  await clock.advance(99);
  source.deliver([await joined("u1")]);
  await begun;
  await clock.advance(5_000); // it is under way
  assert.equal(isOver, false);
  end();
  await told("u1 handled at 1");
  await clock.advance(99);
  assert.equal(isOver, false);
  await clock.advance(1);
  const report = await ticking;
  assert.deepEqual(report, {
    hasMore: false,
    handled: 1,
    duplicates: 0,
    unhandled: 0,
    failed: 0,
    deadLettered: 0,
  });
  assert.equal(clock.pendingTimers, 0);
  assert.equal(source.open, 0);
});

Deno.test("EventConsumer.tick() waits for the broker to let it in before it takes it for idle", async () => {
  const ready = Promise.withResolvers<void>();
  const inner = new HandSource();
  const source = {
    subscribe: () => ({ ...inner.subscribe({}), ready: ready.promise }),
    async [Symbol.asyncDispose]() {},
  };
  const { consumer, clock } = bench({ app: bootstrap(handlers().on(Joined, () => {})), source });
  let isOver = false;
  const ticking = consumer.tick({ budgetMs: 600_000, idleMs: 100 }).then(() => isOver = true);
  await clock.advance(5_000);
  assert.equal(isOver, false);
  ready.resolve();
  await clock.timersPending(2);
  await clock.advance(100);
  await ticking;
});

Deno.test("EventConsumer.tick() begins nothing after its budget, and finishes what it has begun", async () => {
  const { app, begun, end, runs } = slow();
  const { source, consumer, clock, known } = bench({ app });
  source.deliver([await joined("u1"), await joined("u2")]);
  const ticking = consumer.tick({ budgetMs: 1_000 });
  const signal = await begun;
  await clock.advance(1_000);
  assert.equal(signal.aborted, false);
  end();
  const { hasMore, handled } = await ticking;
  assert.deepEqual([hasMore, handled], [true, 1]);
  assert.deepEqual(runs, ["u1"]);
  assert.deepEqual(source.acked, ["u1"]);
  assert.equal(await known("u2"), 0);
});

Deno.test("EventConsumer.tick() does not wait for a retry that comes after its budget", async () => {
  const app = bootstrap(
    handlers().on(Joined, () => {
      throw new RangeError("No");
    }),
  );
  const { source, consumer, clock, known, told } = bench({ app, retry: { backoff: () => 60_000 } });
  source.deliver([await joined("u1")]);
  const ticking = consumer.tick({ budgetMs: 1_000, idleMs: 10 });
  await told("u1 failed at 1, again in 60000");
  await clock.advance(1_000);
  assert.equal((await ticking).hasMore, true);
  assert.equal(await known("u1"), 0);
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(source.acked, []);
});

Deno.test("EventConsumer.tick() cancels what it has begun when its signal aborts", async () => {
  const { app, begun, runs } = slow(); // its handler does not look at its signal
  const { source, consumer, clock, known } = bench({ app });
  source.deliver([await joined("u1"), await joined("u2")]);
  const stop = new AbortController();
  const ticking = consumer.tick({ budgetMs: 60_000, signal: stop.signal });
  const signal = await begun;
  stop.abort(new Error("Enough"));
  await assert.rejects(ticking, /Enough/);
  assert.equal(signal.aborted, true);
  assert.deepEqual(runs, ["u1"]);
  assert.deepEqual(source.acked, []);
  assert.deepEqual([await known("u1"), await known("u2")], [0, 0]);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(source.open, 0);
});

Deno.test("EventConsumer.tick() rejects at once when its signal has aborted", async () => {
  const { consumer, source } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(consumer.tick({ budgetMs: 1, signal }), /Enough/);
  assert.equal(source.opened, 0);
});

Deno.test("EventConsumer.tick() throws what the source throws, once what is under way is finished", async () => {
  const { app, begun, end, runs } = slow();
  const { source, consumer, clock, known } = bench({ app });
  source.deliver([await joined("u1"), await joined("u2")]);
  const ticking = consumer.tick({ budgetMs: Infinity });
  await begun;
  source.fail(new Error("The broker is gone"));
  await clock.advance(60_000);
  end();
  await assert.rejects(ticking, /The broker is gone/);
  assert.deepEqual(runs, ["u1"]);
  assert.deepEqual([await known("u1"), await known("u2")], ["handled", 0]);
  assert.equal(source.open, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("EventConsumer.tick() throws what the source throws while a retry waits", async () => {
  const app = bootstrap(
    handlers().on(Joined, () => {
      throw new RangeError("No");
    }),
  );
  const { source, consumer, told, clock } = bench({ app });
  source.deliver([await joined("u1")]);
  const ticking = consumer.tick({ budgetMs: Infinity });
  await told("u1 failed at 1, again in 1000");
  source.fail(new Error("The broker is gone"));
  await assert.rejects(ticking, /The broker is gone/);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("EventConsumer.tick() throws why the source did not let it in, or has ended", async () => {
  const { source, consumer } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  source.refusals.push(new Error("No such topic"));
  await assert.rejects(consumer.tick({ budgetMs: 1_000 }), /No such topic/);
  source.end();
  await assert.rejects(consumer.tick({ budgetMs: 1_000 }), /the source has ended/);
  assert.equal(source.open, 0);
});

Deno.test("EventConsumer.tick() refuses an idle time that is none", async () => {
  const { consumer } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  await assert.rejects(consumer.tick({ budgetMs: 1, idleMs: -1 }), RangeError);
  await assert.rejects(consumer.tick({ budgetMs: 1, idleMs: NaN }), RangeError);
});

Deno.test("EventConsumer.tick() leaves nothing on the signal that it was given", async () => {
  const { consumer, source, clock } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  for (let n = 0; n < 3; n++) {
    source.deliver([await joined(`u${n}`)]);
    const ticking = consumer.tick({ budgetMs: 1_000, idleMs: 1, signal });
    while (source.acked.length <= n) await clock.advance(0);
    await clock.advance(1);
    await ticking;
  }
  assert.equal(source.acked.length, 3);
  assert.equal(listeners, 0);
});

Deno.test("EventConsumer.tick() leaves to the next what it has not begun, on a broker in memory", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker);
  const { app, begun, end, runs } = slow();
  const { consumer, clock } = bench({ app, source });
  await broker.publish(
    await Promise.all(["u1", "u2", "u3"].map((id) => joined(id, { key: "same" }))),
  );
  const first = consumer.tick({ budgetMs: 1_000 });
  await begun;
  await clock.advance(1_000);
  end();
  assert.equal((await first).handled, 1);
  const second = consumer.tick({ budgetMs: 1_000, idleMs: 10 });
  while (runs.length < 3) await clock.advance(0);
  await clock.advance(10);
  assert.equal((await second).handled, 2);
  assert.deepEqual(runs, ["u1", "u2", "u3"]);
});
