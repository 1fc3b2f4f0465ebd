import assert from "node:assert/strict";
import { tickAfterResponse } from "../../../src/background/tick_after_response.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

/** Ticks that a test ends, and the promises that a platform waits for. */
function edge(errors: unknown[] = []) {
  const ends: PromiseWithResolvers<{ hasMore: boolean }>[] = [];
  const waits: Promise<unknown>[] = [];
  const job = {
    tick() {
      const end = Promise.withResolvers<{ hasMore: boolean }>();
      ends.push(end);
      return end.promise;
    },
  };
  const clock = new ManualClock();
  const drain = tickAfterResponse(job, { clock, onError: (error) => errors.push(error) });
  const context = { waitUntil: (promise: Promise<unknown>) => void waits.push(promise) };
  return { ends, waits, drain: () => drain(context), clock };
}

Deno.test("tickAfterResponse() has the platform wait for a tick", async () => {
  const { ends, waits, drain, clock } = edge();
  drain();
  assert.equal(ends.length, 1);
  assert.equal(waits.length, 1);
  ends[0]?.resolve({ hasMore: false });
  await waits[0];
  drain();
  assert.equal(ends.length, 2);
  ends[1]?.resolve({ hasMore: false });
  await waits[1];
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("tickAfterResponse() lets one more tick do what comes during a tick", async () => {
  const { ends, waits, drain } = edge();
  for (let n = 0; n < 5; n++) drain();
  assert.equal(ends.length, 1);
  assert.equal(waits.length, 5);
  ends[0]?.resolve({ hasMore: false });
  while (ends.length < 2) await Promise.resolve();
  ends[1]?.resolve({ hasMore: false });
  await Promise.all(waits);
  assert.equal(ends.length, 2);
});

Deno.test("tickAfterResponse() tells what a tick failed with, and never rejects", async () => {
  const errors: unknown[] = [];
  const { ends, waits, drain } = edge(errors);
  drain();
  ends[0]?.reject("broken");
  await waits[0];
  assert.deepEqual(errors, ["broken"]);
  drain();
  ends[1]?.resolve({ hasMore: false });
  await waits[1];
});

Deno.test("tickAfterResponse() refuses options that are out of range", () => {
  const job = { tick: () => Promise.resolve({ hasMore: false }) };
  const onError = () => {};
  assert.throws(() => tickAfterResponse(job, { budgetMs: -1, onError }), RangeError);
  assert.throws(() => tickAfterResponse(job, { graceMs: NaN, onError }), RangeError);
});
