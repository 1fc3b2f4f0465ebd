import assert from "node:assert/strict";
import { sleep, systemClock } from "../../src/clock.ts";
import { ManualClock } from "../../src/testing/manual_clock.ts";
import { countingSignal } from "./resilience/counting_signal.ts";

Deno.test("systemClock.now() returns the time of the system", () => {
  const before = Date.now();
  const now = systemClock.now();
  assert.ok(before <= now && now <= Date.now());
});

Deno.test("systemClock.setTimer() calls back later, not synchronously", async () => {
  let isSynchronous = true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  systemClock.setTimer(() => resolve(isSynchronous), 0);
  isSynchronous = false;
  assert.equal(await promise, false);
});

Deno.test("systemClock.setTimer() leaves no timer after it was cancelled twice", () => {
  // The sanitizer of the test runner reports a timer that is left.
  const cancel = systemClock.setTimer(() => assert.fail("The timer fired"), 60_000);
  cancel();
  cancel();
});

Deno.test("sleep() resolves when its time has passed and not before", async () => {
  const clock = new ManualClock();
  let isAwake = false;
  const sleeping = sleep(clock, 100).then(() => isAwake = true);
  await clock.advance(99);
  assert.equal(isAwake, false);
  await clock.advance(1);
  assert.equal(isAwake, true);
  await sleeping;
});

Deno.test("sleep() rejects at once with the reason of a signal that aborts meanwhile", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const reason = new Error("Enough");
  const sleeping = sleep(clock, 100, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, (error) => error === reason);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("sleep() sets no timer when its signal has aborted before", async () => {
  const clock = new ManualClock();
  await assert.rejects(
    sleep(clock, 100, AbortSignal.abort("Enough")),
    (error) => error === "Enough",
  );
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("sleep() leaves no listener on its signal once it is over", async () => {
  const clock = new ManualClock();
  const { signal, listeners } = countingSignal(new AbortController().signal);
  const sleeping = sleep(clock, 100, signal);
  assert.equal(listeners(), 1);
  await clock.advance(100);
  await sleeping;
  assert.equal(listeners(), 0);
});
