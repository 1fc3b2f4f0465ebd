import assert from "node:assert/strict";
import type { Clock } from "../../../src/clock.ts";
import {
  assertTimeoutMs,
  Deadline,
  type Overrun,
  withDeadline,
} from "../../../src/resilience/timeout.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { countingSignal } from "./counting_signal.ts";

const never = () => new Promise<never>(() => {});

/** A caller with everything that {@linkcode withDeadline} may leave behind. */
function caller() {
  const clock = new ManualClock();
  const controller = new AbortController();
  const { signal, listeners } = countingSignal(controller.signal);
  const overruns: Overrun[] = [];
  const options = { clock, signal, onOverrun: (overrun: Overrun) => overruns.push(overrun) };
  const assertNothingLeft = () => {
    assert.equal(clock.pendingTimers, 0, "A timer is left");
    assert.equal(listeners(), 0, "A listener is left");
  };
  return { clock, controller, overruns, options, assertNothingLeft };
}

Deno.test("withDeadline() returns the result of work that is in time", async () => {
  const { clock, options, overruns, assertNothingLeft } = caller();
  const gate = Promise.withResolvers<string>();
  const result = withDeadline(100, () => gate.promise, options);
  await clock.advance(99);
  gate.resolve("done");
  assert.equal(await result, "done");
  assertNothingLeft();
  assert.deepEqual(overruns, []);
});

Deno.test("withDeadline() returns the result of work that is synchronous", async () => {
  const { options, assertNothingLeft } = caller();
  assert.equal(await withDeadline(100, () => "done", options), "done");
  assertNothingLeft();
});

for (
  const [description, run] of [
    ["rejects", () => Promise.reject(new Error("Failure"))],
    ["throws", () => {
      throw new Error("Failure");
    }],
  ] as const
) {
  Deno.test(`withDeadline() rethrows the error of work that ${description}`, async () => {
    const { options, assertNothingLeft } = caller();
    await assert.rejects(withDeadline(100, run, options), { message: "Failure" });
    assertNothingLeft();
  });
}

Deno.test("withDeadline() does not abort the signal of work that is in time", async () => {
  const { clock, options } = caller();
  const signal = await withDeadline(100, (signal) => signal, options);
  await clock.advance(1_000);
  assert.equal(signal.aborted, false);
});

Deno.test("withDeadline() rejects with a TimeoutError that names the limit when the time is over", async () => {
  const { clock, options, assertNothingLeft } = caller();
  const rejected = assert.rejects(withDeadline(100, never, options), (error) => {
    assert.ok(error instanceof DOMException);
    assert.equal(error.name, "TimeoutError");
    assert.equal(error.message, "Cannot wait any longer: the limit of 100 ms has passed");
    return true;
  });
  await clock.advance(100);
  await rejected;
  assertNothingLeft();
});

Deno.test("withDeadline() aborts the signal of late work with the error that it rejects with", async () => {
  const { clock, options } = caller();
  const signals: AbortSignal[] = [];
  const result = withDeadline(100, (signal) => {
    signals.push(signal);
    return never();
  }, options);
  const error = result.catch((error) => error);
  await clock.advance(99);
  assert.equal(signals[0]?.aborted, false);
  await clock.advance(1);
  assert.equal(signals[0]?.aborted, true);
  assert.equal(signals[0]?.reason, await error);
});

Deno.test("withDeadline() rejects with its own error when the work obeys its signal with another", async () => {
  const { clock, options } = caller();
  const result = withDeadline(100, (signal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("Stopped")));
    }), options);
  const rejected = assert.rejects(result, { name: "TimeoutError" });
  await clock.advance(100);
  await rejected;
});

Deno.test("withDeadline() reports work that returns late", async () => {
  const { clock, options, overruns } = caller();
  const gate = Promise.withResolvers<string>();
  const error = withDeadline(100, () => gate.promise, options).catch((error) => error);
  await clock.advance(100);
  assert.deepEqual(overruns, []);
  await clock.advance(50);
  gate.resolve("late");
  await clock.advance(0);
  const reason = await error;
  assert.deepEqual(overruns, [
    { elapsedMs: 150, reason, outcome: { status: "fulfilled", value: "late" } },
  ]);
});

Deno.test("withDeadline() reports work that rejects late, which is no unhandled rejection", async () => {
  const { clock, options, overruns } = caller();
  const gate = Promise.withResolvers<string>();
  const error = withDeadline(100, () => gate.promise, options).catch((error) => error);
  await clock.advance(100);
  const failure = new Error("Late failure");
  gate.reject(failure);
  await clock.advance(0);
  const reason = await error;
  assert.deepEqual(overruns, [
    { elapsedMs: 100, reason, outcome: { status: "rejected", reason: failure } },
  ]);
});

Deno.test("withDeadline() swallows a late rejection when nobody wants reports", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<string>();
  const rejected = assert.rejects(withDeadline(100, () => gate.promise, { clock }));
  await clock.advance(100);
  await rejected;
  gate.reject(new Error("Late failure"));
  await clock.advance(0);
});

Deno.test("withDeadline() rejects at once with the reason of the caller's signal, and passes it on", async () => {
  const { controller, options, assertNothingLeft } = caller();
  const signals: AbortSignal[] = [];
  const result = withDeadline(100, (signal) => {
    signals.push(signal);
    return never();
  }, options);
  controller.abort("Enough");
  assert.equal(signals[0]?.reason, "Enough");
  await assert.rejects(result, (error) => error === "Enough");
  assertNothingLeft();
});

Deno.test("withDeadline() reports work that goes on after the caller's signal aborted", async () => {
  const { clock, controller, options, overruns } = caller();
  const gate = Promise.withResolvers<string>();
  const rejected = assert.rejects(
    withDeadline(100, () => gate.promise, options),
    (error) => error === "Enough",
  );
  await clock.advance(20);
  controller.abort("Enough");
  await rejected;
  await clock.advance(200);
  gate.resolve("late");
  await clock.advance(0);
  const outcome = { status: "fulfilled", value: "late" };
  assert.deepEqual(overruns, [{ elapsedMs: 220, reason: "Enough", outcome }]);
});

Deno.test("withDeadline() does not start work when the caller's signal has aborted", async () => {
  const { controller, options, overruns, assertNothingLeft } = caller();
  controller.abort("Enough");
  const result = withDeadline(100, () => assert.fail("It started"), options);
  await assert.rejects(result, (error) => error === "Enough");
  assertNothingLeft();
  assert.deepEqual(overruns, []);
});

Deno.test("withDeadline() sets no timer for the limit Infinity and still obeys the signal", async () => {
  const { clock, controller, options, assertNothingLeft } = caller();
  const result = withDeadline(Infinity, never, options);
  assert.equal(clock.pendingTimers, 0);
  controller.abort("Enough");
  await assert.rejects(result, (error) => error === "Enough");
  assertNothingLeft();
});

for (const timeoutMs of [0, -1, NaN]) {
  Deno.test(`withDeadline() refuses the limit ${timeoutMs}`, async () => {
    await assert.rejects(withDeadline(timeoutMs, () => assert.fail("It started")), {
      name: "RangeError",
      message: `Cannot set a time limit: timeoutMs must be positive, got ${timeoutMs}`,
    });
  });
}

Deno.test("assertTimeoutMs() accepts any positive limit", () => {
  for (const timeoutMs of [0.5, 1, 1e15, Infinity]) assertTimeoutMs(timeoutMs);
});

Deno.test("Deadline.run() gives every part the whole limit", async () => {
  const { clock, options } = caller();
  const deadline = new Deadline(100, options);
  for (let part = 0; part < 5; part++) {
    const gate = Promise.withResolvers<number>();
    const result = deadline.run(() => gate.promise);
    await clock.advance(99);
    gate.resolve(part);
    assert.equal(await result, part);
  }
  deadline.close();
});

Deno.test("Deadline.run() does not count the time between parts", async () => {
  const { clock, options } = caller();
  const deadline = new Deadline(100, options);
  await deadline.run(() => "first");
  await clock.advance(10_000);
  assert.equal(await deadline.run(() => "second"), "second");
  assert.equal(deadline.signal.aborted, false);
  deadline.close();
});

for (
  const [firstMs, pauseMs] of [[0, 0], [30, 0], [99, 0], [30, 30], [99, 50], [0, 500]] as const
) {
  Deno.test(`Deadline.run() rejects a part exactly at its limit, ${firstMs} + ${pauseMs} ms after the first`, async () => {
    const { clock, options, assertNothingLeft } = caller();
    const deadline = new Deadline(100, options);
    const gate = Promise.withResolvers<void>();
    const first = deadline.run(() => gate.promise);
    await clock.advance(firstMs);
    gate.resolve();
    await first;
    await clock.advance(pauseMs);

    let isOver = false;
    const rejected = assert.rejects(deadline.run(never), { name: "TimeoutError" })
      .then(() => isOver = true);
    await clock.advance(99);
    assert.equal(isOver, false);
    await clock.advance(1);
    assert.equal(isOver, true);
    await rejected;
    assertNothingLeft();
  });
}

Deno.test("Deadline.run() sets one timer for all parts of one limit", async () => {
  const clock = new ManualClock();
  let timers = 0;
  const counting: Clock = {
    now: () => clock.now(),
    setTimer(callback, delayMs) {
      timers++;
      return clock.setTimer(callback, delayMs);
    },
  };
  const deadline = new Deadline(100, { clock: counting });
  for (let part = 0; part < 1_000; part++) await deadline.run(() => part);
  assert.equal(timers, 1);
  deadline.close();
});

Deno.test("Deadline.run() waits no longer than two limits when the system's clock is set back", async () => {
  const clock = new ManualClock();
  let setBackMs = 0;
  const deadline = new Deadline(100, {
    clock: {
      now: () => clock.now() - setBackMs,
      setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs),
    },
  });
  await deadline.run(() => "first");
  await clock.advance(50);
  const rejected = assert.rejects(deadline.run(never), { name: "TimeoutError" });
  setBackMs = 3_600_000;
  await clock.advance(200);
  assert.equal(deadline.signal.aborted, true);
  deadline.close();
  await rejected;
});

Deno.test("Deadline.run() refuses every part after one was late", async () => {
  const { clock, options } = caller();
  const deadline = new Deadline(100, options);
  const late = deadline.run(never).catch((error) => error);
  await clock.advance(100);
  const reason = await late;
  const next = deadline.run(() => assert.fail("It started"));
  await assert.rejects(next, (error) => error === reason);
  assert.equal(deadline.signal.reason, reason);
});

Deno.test("Deadline.run() refuses a part while another runs, which goes on", async () => {
  const { options } = caller();
  const deadline = new Deadline(100, options);
  const gate = Promise.withResolvers<string>();
  const first = deadline.run(() => gate.promise);
  await assert.rejects(deadline.run(() => assert.fail("It started")), TypeError);
  gate.resolve("first");
  assert.equal(await first, "first");
  deadline.close();
});

Deno.test("Deadline.run() can be called again after a part failed", async () => {
  const { options } = caller();
  const deadline = new Deadline(100, options);
  await assert.rejects(deadline.run(() => Promise.reject(new Error("Failure"))));
  assert.equal(await deadline.run(() => "next"), "next");
  deadline.close();
});

Deno.test("Deadline.signal aborts with the caller's signal between two parts", async () => {
  const { controller, options, assertNothingLeft } = caller();
  const deadline = new Deadline(100, options);
  await deadline.run(() => "first");
  controller.abort("Enough");
  assert.equal(deadline.signal.reason, "Enough");
  assertNothingLeft();
});

Deno.test("Deadline.close() leaves neither timer nor listener and aborts nothing", async () => {
  const { controller, options, assertNothingLeft } = caller();
  const deadline = new Deadline(100, options);
  await deadline.run(() => "first");
  deadline.close();
  deadline.close();
  assertNothingLeft();
  controller.abort();
  assert.equal(deadline.signal.aborted, false);
});
