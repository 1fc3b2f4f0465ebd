import assert from "node:assert/strict";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

Deno.test("ManualClock stands at 0 or at the time that it was given", () => {
  assert.equal(new ManualClock().now(), 0);
  assert.equal(new ManualClock(5_000).now(), 5_000);
});

Deno.test("advance() moves the time by exactly the span", async () => {
  const clock = new ManualClock(1_000);
  clock.setTimer(() => {}, 30);
  await clock.advance(100);
  assert.equal(clock.now(), 1_100);
});

Deno.test("advance() fires timers in the order of their times, each at its own time", async () => {
  const clock = new ManualClock();
  const fired: Array<[name: string, atMs: number]> = [];
  for (const delayMs of [30, 10, 20]) {
    clock.setTimer(() => fired.push([`${delayMs}`, clock.now()]), delayMs);
  }
  await clock.advance(30);
  assert.deepEqual(fired, [["10", 10], ["20", 20], ["30", 30]]);
});

Deno.test("advance() fires timers of the same time in the order in which they were set", async () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  for (const name of ["a", "b", "c"]) clock.setTimer(() => fired.push(name), 10);
  await clock.advance(10);
  assert.deepEqual(fired, ["a", "b", "c"]);
});

Deno.test("advance() fires a timer at the end of the span and leaves a later one", async () => {
  const clock = new ManualClock();
  const fired: number[] = [];
  for (const delayMs of [10, 11]) clock.setTimer(() => fired.push(delayMs), delayMs);
  await clock.advance(10);
  assert.deepEqual(fired, [10]);
  assert.equal(clock.pendingTimers, 1);
});

Deno.test("advance() fires timers that callbacks set within the span", async () => {
  const clock = new ManualClock();
  const firedAtMs: number[] = [];
  const repeat = () => {
    firedAtMs.push(clock.now());
    clock.setTimer(repeat, 10);
  };
  clock.setTimer(repeat, 10);
  await clock.advance(35);
  assert.deepEqual(firedAtMs, [10, 20, 30]);
  assert.equal(clock.now(), 35);
});

Deno.test("advance() lets the code that a timer wakes run to its next wait", async () => {
  const clock = new ManualClock();
  const wait = (delayMs: number) =>
    new Promise<void>((resolve) => clock.setTimer(resolve, delayMs));
  const seenAtMs: number[] = [];
  const work = (async () => {
    for (let round = 0; round < 3; round++) {
      await wait(10);
      await Promise.resolve();
      seenAtMs.push(clock.now());
    }
  })();
  await clock.advance(30);
  assert.deepEqual(seenAtMs, [10, 20, 30]);
  await work;
});

Deno.test("advance() runs code that is queued before it looks for timers", async () => {
  const clock = new ManualClock();
  let fired = false;
  void Promise.resolve().then(() => clock.setTimer(() => fired = true, 10));
  await clock.advance(10);
  assert.equal(fired, true);
});

Deno.test("advance() by 0 fires what is due now", async () => {
  const clock = new ManualClock();
  let fired = 0;
  clock.setTimer(() => fired++, 0);
  clock.setTimer(() => fired++, -5);
  clock.setTimer(() => fired++, 1);
  await clock.advance(0);
  assert.equal(fired, 2);
});

Deno.test("advance() rejects with what a callback throws", async () => {
  const clock = new ManualClock();
  clock.setTimer(() => {
    throw new Error("Broken callback");
  }, 10);
  await assert.rejects(clock.advance(10), { message: "Broken callback" });
});

Deno.test("setTimer() does not call back synchronously, even without a delay", () => {
  const clock = new ManualClock();
  let fired = false;
  clock.setTimer(() => fired = true, 0);
  assert.equal(fired, false);
});

Deno.test("setTimer() returns a function that cancels the timer, also a second time", async () => {
  const clock = new ManualClock();
  const cancel = clock.setTimer(() => assert.fail("The timer fired"), 10);
  cancel();
  cancel();
  assert.equal(clock.pendingTimers, 0);
  await clock.advance(10);
});

Deno.test("setTimer() lets a callback cancel a timer of the same time", async () => {
  const clock = new ManualClock();
  clock.setTimer(() => cancel(), 10);
  const cancel = clock.setTimer(() => assert.fail("The timer fired"), 10);
  await clock.advance(10);
});

Deno.test("setTimer() returns a function that does nothing after the timer fired", async () => {
  const clock = new ManualClock();
  const cancel = clock.setTimer(() => {}, 10);
  await clock.advance(10);
  clock.setTimer(() => {}, 10);
  cancel();
  assert.equal(clock.pendingTimers, 1);
});

Deno.test("pendingTimers counts the timers that were set and neither fired nor cancelled", async () => {
  const clock = new ManualClock();
  clock.setTimer(() => {}, 10);
  clock.setTimer(() => {}, 20);
  clock.setTimer(() => {}, 30)();
  assert.equal(clock.pendingTimers, 2);
  await clock.advance(10);
  assert.equal(clock.pendingTimers, 1);
});

Deno.test("timersPending() resolves as soon as that many timers are pending", async () => {
  const clock = new ManualClock();
  let arePending = false;
  const pending = clock.timersPending(2).then(() => arePending = true);
  clock.setTimer(() => {}, 10);
  await clock.advance(0);
  assert.equal(arePending, false);
  clock.setTimer(() => {}, 10);
  await pending;
});

Deno.test("timersPending() resolves when the timers are pending already", async () => {
  const clock = new ManualClock();
  clock.setTimer(() => {}, 10);
  await clock.timersPending();
});

Deno.test("ManualClock.advance() that overlaps another one never moves time back", async () => {
  const clock = new ManualClock();
  await Promise.all([clock.advance(5_000), clock.advance(20)]);
  assert.equal(clock.now(), 5_000);
});
