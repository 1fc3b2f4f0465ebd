import assert from "node:assert/strict";
import { cronHandler } from "../../../src/background/cron_handler.ts";
import type { TickOptions } from "../../../src/background/tick.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

Deno.test("cronHandler() runs one tick for each call and passes its report on", async () => {
  const clock = new ManualClock();
  const budgets: number[] = [];
  const reports: number[] = [];
  const handler = cronHandler({
    tick: ({ budgetMs }: TickOptions) => {
      budgets.push(budgetMs);
      return Promise.resolve({ hasMore: true, count: budgets.length });
    },
  }, { budgetMs: 30_000, clock, onReport: ({ count }) => reports.push(count) });
  await handler();
  await handler();
  assert.deepEqual(budgets, [30_000, 30_000]);
  assert.deepEqual(reports, [1, 2]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("cronHandler() rejects with what the tick throws", async () => {
  const clock = new ManualClock();
  const handler = cronHandler({ tick: () => Promise.reject(new Error("Broken")) }, { clock });
  await assert.rejects(handler(), { message: "Broken" });
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("cronHandler() aborts a tick that goes on after its grace", async () => {
  const clock = new ManualClock();
  const began = Promise.withResolvers<AbortSignal>();
  const handler = cronHandler({
    tick: ({ signal }: TickOptions) =>
      new Promise<never>((_, reject) => {
        assert.ok(signal);
        signal.addEventListener("abort", () => reject(signal.reason));
        began.resolve(signal);
      }),
  }, { budgetMs: 100, graceMs: 20, clock });
  const handled = handler();
  const rejected = assert.rejects(handled, { name: "TimeoutError" });
  const signal = await began.promise;
  await clock.advance(119);
  assert.equal(signal.aborted, false);
  await clock.advance(1);
  await rejected;
});

Deno.test("cronHandler() refuses options that are out of range", () => {
  const job = { tick: () => Promise.resolve({ hasMore: false }) };
  assert.throws(() => cronHandler(job, { budgetMs: -1 }), RangeError);
  assert.throws(() => cronHandler(job, { graceMs: NaN }), RangeError);
});
