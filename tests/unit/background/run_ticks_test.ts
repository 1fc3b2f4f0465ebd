import assert from "node:assert/strict";
import { runTicks } from "../../../src/background/run_ticks.ts";
import type { TickOptions, TickReport } from "../../../src/background/tick.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

/** A job whose ticks a test ends one by one. */
class StepJob {
  readonly calls: TickOptions[] = [];
  #began = Promise.withResolvers<void>();
  #ends: PromiseWithResolvers<TickReport>[] = [];

  tick(options: TickOptions): Promise<TickReport> {
    this.calls.push(options);
    const end = Promise.withResolvers<TickReport>();
    this.#ends.push(end);
    this.#began.resolve();
    return end.promise;
  }

  /** Waits for a tick to begin, and ends it. */
  async end(hasMore = false): Promise<void> {
    await this.began();
    this.#take().resolve({ hasMore });
  }

  async fail(error: unknown): Promise<void> {
    await this.began();
    this.#take().reject(error);
  }

  async began(): Promise<void> {
    await this.#began.promise;
  }

  #take(): PromiseWithResolvers<TickReport> {
    this.#began = Promise.withResolvers();
    const end = this.#ends.shift();
    assert.ok(end);
    return end;
  }
}

function unexpected(error: unknown): never {
  throw new Error("A tick failed", { cause: error });
}

Deno.test("runTicks() ticks at once while there is more, then waits for the interval", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  const reports: TickReport[] = [];
  const loop = runTicks(job, {
    intervalMs: 500,
    budgetMs: 70,
    clock,
    onError: unexpected,
    onReport: (report) => reports.push(report),
  });
  for (const _ of [1, 2]) {
    await job.end(true);
    await clock.timersPending();
    await clock.advance(0); // other work of the process has its turn
  }
  await job.end(false);
  await clock.timersPending();
  assert.equal(job.calls.length, 3);
  await clock.advance(499);
  assert.equal(job.calls.length, 3);
  await clock.advance(1);
  await job.end(false);
  await loop[Symbol.asyncDispose]();
  assert.equal(job.calls.length, 4);
  assert.deepEqual(reports.map(({ hasMore }) => hasMore), [true, true, false, false]);
  assert.ok(job.calls.every(({ budgetMs }) => budgetMs === 70));
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("runTicks() ticks at once when it is woken", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  let wake = () => {};
  let isDisposed = false;
  const loop = runTicks(job, {
    clock,
    onError: unexpected,
    wakeUps: (onWake) => {
      wake = onWake;
      return Promise.resolve({
        [Symbol.asyncDispose]: () => Promise.resolve(void (isDisposed = true)),
      });
    },
  });
  await job.end();
  await clock.timersPending();
  wake();
  await job.end();
  await clock.timersPending();
  loop.wake();
  await job.end();
  await loop[Symbol.asyncDispose]();
  assert.equal(isDisposed, true);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("runTicks() ticks again when it is woken during a tick", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  const loop = runTicks(job, { clock, onError: unexpected });
  await job.began();
  loop.wake();
  await job.end();
  await job.end();
  await loop[Symbol.asyncDispose]();
  assert.equal(job.calls.length, 2);
});

Deno.test("runTicks() waits longer and longer after failures, and tells each", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  const errors: unknown[] = [];
  const loop = runTicks(job, {
    clock,
    backoff: (attempt) => attempt * 1_000,
    onError: (error) => errors.push(error),
  });
  for (const [failure, delayMs] of [["one", 1_000], ["two", 2_000]] as const) {
    await job.fail(failure);
    await clock.timersPending();
    const { length } = job.calls;
    await clock.advance(delayMs - 1);
    assert.equal(job.calls.length, length);
    await clock.advance(1);
  }
  await job.end();
  await clock.timersPending();
  await clock.advance(1_000);
  await job.fail("three");
  await clock.timersPending();
  await clock.advance(1_000);
  await job.end();
  await loop[Symbol.asyncDispose]();
  assert.deepEqual(errors, ["one", "two", "three"]);
});

Deno.test("runTicks() still looks by itself when it cannot subscribe to wake-ups", async () => {
  const job = new StepJob();
  const errors: unknown[] = [];
  const loop = runTicks(job, {
    clock: new ManualClock(),
    onError: (error) => errors.push(error),
    wakeUps: () => Promise.reject("no"),
  });
  await job.end();
  await loop[Symbol.asyncDispose]();
  assert.deepEqual(errors, ["no"]);
});

Deno.test("runTicks() lets the tick under way finish when it ends", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  const loop = runTicks(job, { clock, graceMs: 500, onError: unexpected });
  await job.began();
  const ended = loop[Symbol.asyncDispose]();
  await clock.advance(499);
  assert.equal(job.calls[0]?.signal?.aborted, false);
  await job.end(true);
  await ended;
  assert.equal(job.calls.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("runTicks() aborts the tick under way when its grace is over", async () => {
  const clock = new ManualClock();
  const job = new StepJob();
  const stop = new AbortController();
  const loop = runTicks(job, { clock, graceMs: 500, signal: stop.signal, onError: unexpected });
  await job.began();
  stop.abort("enough");
  await clock.advance(500);
  assert.equal(job.calls[0]?.signal?.reason, "enough");
  await job.fail("enough");
  await loop.done;
  assert.equal(job.calls.length, 1);
});

Deno.test("runTicks() with a grace of 0 aborts the tick at once, and tells what else it failed with", async () => {
  const job = new StepJob();
  const errors: unknown[] = [];
  const loop = runTicks(job, {
    clock: new ManualClock(),
    graceMs: 0,
    onError: (error) => errors.push(error),
  });
  await job.began();
  const ended = loop[Symbol.asyncDispose]();
  assert.equal(job.calls[0]?.signal?.aborted, true);
  await job.fail("broken");
  await ended;
  assert.deepEqual(errors, ["broken"]);
});

Deno.test("runTicks() ends its wait when its signal aborts, and does not tick when it has aborted", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const job = new StepJob();
  const loop = runTicks(job, { clock, signal: stop.signal, onError: unexpected });
  await job.end();
  await clock.timersPending();
  stop.abort();
  await loop.done;
  assert.equal(clock.pendingTimers, 0);
  await runTicks(job, { clock, signal: stop.signal, onError: unexpected }).done;
  assert.equal(job.calls.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("runTicks() refuses options that are out of range", () => {
  const job = new StepJob();
  for (const name of ["intervalMs", "budgetMs", "graceMs"]) {
    for (const value of [-1, NaN]) {
      assert.throws(() => runTicks(job, { [name]: value, onError: unexpected }), RangeError);
    }
  }
  assert.equal(job.calls.length, 0);
});
