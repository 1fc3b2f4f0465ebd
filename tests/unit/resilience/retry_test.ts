import fc from "fast-check";
import assert from "node:assert/strict";
import type { Clock } from "../../../src/clock.ts";
import { SluiceError, type SluiceErrorCode } from "../../../src/errors.ts";
import {
  isRetryable,
  retryAsync,
  type RetryInfo,
  type RetryOptions,
  retryPolicy,
} from "../../../src/resilience/retry.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

const atOnce = () => 0;

/** A function that fails with "Failure 1", "Failure 2" and so on before it returns "done". */
function failing(times: number): { run: (attempt: number) => string; attempts: number[] } {
  const attempts: number[] = [];
  return {
    attempts,
    run: (attempt) => {
      attempts.push(attempt);
      if (attempt <= times) throw new Error(`Failure ${attempt}`);
      return "done";
    },
  };
}

function retrying(
  options: RetryOptions & { clock: ManualClock },
  run: (attempt: number) => unknown,
) {
  const result = retryAsync(run, retryPolicy(options));
  // Longer than all delays of any test here.
  return { result, finished: Promise.allSettled([result, options.clock.advance(1e6)]) };
}

Deno.test("retryAsync() returns the result of a first attempt that succeeds", async () => {
  const { run, attempts } = failing(0);
  assert.equal(await retryAsync(run, retryPolicy()), "done");
  assert.deepEqual(attempts, [1]);
});

Deno.test("retryAsync() repeats until an attempt succeeds, and numbers the attempts", async () => {
  const clock = new ManualClock();
  const { run, attempts } = failing(2);
  const { result, finished } = retrying({ clock }, run);
  await finished;
  assert.equal(await result, "done");
  assert.deepEqual(attempts, [1, 2, 3]);
});

Deno.test("retryAsync() repeats after a promise that rejects as after a throw", async () => {
  const clock = new ManualClock();
  const { run, attempts } = failing(1);
  const { result, finished } = retrying({ clock }, async (attempt) => await run(attempt));
  await finished;
  assert.equal(await result, "done");
  assert.deepEqual(attempts, [1, 2]);
});

for (const [maxAttempts, expected] of [[undefined, 3], [1, 1], [2, 2], [7, 7]] as const) {
  Deno.test(`retryAsync() makes ${expected} attempts at maxAttempts ${maxAttempts}`, async () => {
    const clock = new ManualClock();
    const { run, attempts } = failing(Infinity);
    const { result, finished } = retrying({ clock, maxAttempts }, run);
    await finished;
    await assert.rejects(result);
    assert.equal(attempts.length, expected);
  });
}

Deno.test("retryAsync() goes on without limit at maxAttempts Infinity", async () => {
  const clock = new ManualClock();
  const { run, attempts } = failing(100);
  const { result, finished } = retrying({ clock, maxAttempts: Infinity, backoff: atOnce }, run);
  await finished;
  assert.equal(await result, "done");
  assert.equal(attempts.length, 101);
});

Deno.test("retryAsync() rethrows the last error unchanged when the attempts are used up", async () => {
  const clock = new ManualClock();
  const errors = [new Error("First"), new Error("Second")];
  const { result, finished } = retrying({ clock, maxAttempts: 2 }, (attempt) => {
    throw errors[attempt - 1];
  });
  await finished;
  await assert.rejects(result, (error) => error === errors[1]);
});

Deno.test("retryAsync() rethrows what is not an Error unchanged", async () => {
  const thrown = Promise.reject("Not an error");
  const result = retryAsync(() => thrown, retryPolicy({ maxAttempts: 1 }));
  await assert.rejects(result, (error) => error === "Not an error");
});

Deno.test("retryAsync() rethrows at once an error that `when` refuses", async () => {
  const clock = new ManualClock();
  const { run, attempts } = failing(Infinity);
  const seen: unknown[] = [];
  const when = (error: unknown) => seen.push(error) < 2;
  const { result, finished } = retrying({ clock, maxAttempts: 9, when }, run);
  await finished;
  await assert.rejects(result, { message: "Failure 2" });
  assert.deepEqual(attempts, [1, 2]);
});

Deno.test("retryAsync() waits for the delays of the backoff on the clock of the policy", async () => {
  const clock = new ManualClock();
  const startedAtMs: number[] = [];
  const backoff = { initialDelayMs: 100, jitter: "none" } as const;
  const { result, finished } = retrying({ clock, maxAttempts: 4, backoff }, () => {
    startedAtMs.push(clock.now());
    throw new Error("Failure");
  });
  await finished;
  await assert.rejects(result);
  assert.deepEqual(startedAtMs, [0, 100, 300, 700]);
});

Deno.test("retryAsync() asks a backoff function for the delay after each failed attempt", async () => {
  const clock = new ManualClock();
  const asked: number[] = [];
  const backoff = (attempt: number) => asked.push(attempt);
  const { result, finished } = retrying({ clock, backoff }, failing(Infinity).run);
  await finished;
  await assert.rejects(result);
  assert.deepEqual(asked, [1, 2]);
});

Deno.test("retryAsync() tells onRetry before each wait and not after the last attempt", async () => {
  const clock = new ManualClock();
  const told: Array<RetryInfo & { atMs: number }> = [];
  const policy = retryPolicy({ clock, backoff: (attempt) => attempt * 10 });
  const result = retryAsync(failing(Infinity).run, policy, {
    onRetry: (info) => told.push({ ...info, atMs: clock.now() }),
  });
  await Promise.allSettled([result, clock.advance(100)]);
  assert.deepEqual(told, [
    { attempt: 1, delayMs: 10, error: new Error("Failure 1"), atMs: 0 },
    { attempt: 2, delayMs: 20, error: new Error("Failure 2"), atMs: 10 },
  ]);
});

Deno.test("retryAsync() rejects with the reason of a signal that has aborted, without an attempt", async () => {
  const { run, attempts } = failing(0);
  const signal = AbortSignal.abort("Enough");
  await assert.rejects(retryAsync(run, retryPolicy(), { signal }), (error) => error === "Enough");
  assert.deepEqual(attempts, []);
});

Deno.test("retryAsync() rethrows the error of an attempt during which the signal aborts", async () => {
  const controller = new AbortController();
  const result = retryAsync(
    () => {
      controller.abort("Enough");
      throw new Error("Failure");
    },
    retryPolicy(),
    { signal: controller.signal, onRetry: () => assert.fail("It retried") },
  );
  await assert.rejects(result, { message: "Failure" });
});

Deno.test("retryAsync() returns the result of an attempt during which the signal aborts", async () => {
  const controller = new AbortController();
  const run = () => {
    controller.abort();
    return "done";
  };
  assert.equal(await retryAsync(run, retryPolicy(), { signal: controller.signal }), "done");
});

Deno.test("retryAsync() rejects at once with the reason of a signal that aborts during a wait", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const { run, attempts } = failing(Infinity);
  const result = retryAsync(run, retryPolicy({ clock }), { signal: controller.signal });
  const rejected = assert.rejects(result, (error) => error === "Enough");
  await clock.timersPending();
  controller.abort("Enough");
  await rejected;
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(attempts, [1]);
});

Deno.test("retryAsync() makes no attempt when the signal aborts as the wait ends", async () => {
  const controller = new AbortController();
  const { run, attempts } = failing(Infinity);
  const clock: Clock = {
    now: () => 0,
    setTimer(callback) {
      queueMicrotask(() => {
        callback();
        controller.abort("Enough");
      });
      return () => {};
    },
  };
  const result = retryAsync(run, retryPolicy({ clock }), { signal: controller.signal });
  await assert.rejects(result, (error) => error === "Enough");
  assert.deepEqual(attempts, [1]);
});

Deno.test("retryAsync() ends with what onRetry throws", async () => {
  const result = retryAsync(failing(1).run, retryPolicy(), {
    onRetry: () => {
      throw new Error("Broken callback");
    },
  });
  await assert.rejects(result, { message: "Broken callback" });
});

Deno.test("retryAsync() calls min(failures + 1, maxAttempts) times whatever the numbers", async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 0, max: 25 }),
    async (maxAttempts, failures) => {
      const clock = new ManualClock();
      const { run, attempts } = failing(failures);
      const { result, finished } = retrying({ clock, maxAttempts, backoff: atOnce }, run);
      await finished;
      assert.equal(attempts.length, Math.min(failures + 1, maxAttempts));
      if (failures < maxAttempts) assert.equal(await result, "done");
      else await assert.rejects(result, { message: `Failure ${maxAttempts}` });
    },
  ));
});

for (const maxAttempts of [0, -1, 1.5, NaN]) {
  Deno.test(`retryPolicy() refuses maxAttempts ${maxAttempts}`, () => {
    assert.throws(() => retryPolicy({ maxAttempts }), {
      name: "RangeError",
      message: "Cannot create the retry policy: maxAttempts must be a positive integer or " +
        `Infinity, got ${maxAttempts}`,
    });
  });
}

Deno.test("retryPolicy() validates the options of the backoff", () => {
  assert.throws(() => retryPolicy({ backoff: { factor: 0 } }), RangeError);
});

Deno.test("retryPolicy() returns an equal policy for a policy", () => {
  const policy = retryPolicy({ maxAttempts: 7, backoff: { initialDelayMs: 1 } });
  assert.deepEqual(retryPolicy(policy), policy);
});

class CodedError extends SluiceError {
  override readonly name = "CodedError";
  readonly code: SluiceErrorCode;

  constructor(code: SluiceErrorCode) {
    super(code);
    this.code = code;
  }
}

for (
  const [description, error, expected] of [
    ["an Error", new Error("Failure"), true],
    ["what is not an Error", "Failure", true],
    ["a time limit", new DOMException("Too late", "TimeoutError"), true],
    ["publish", new CodedError("publish"), true],
    ["concurrency", new CodedError("concurrency"), true],
    ["circuit_open", new CodedError("circuit_open"), false],
    ["event_handling", new CodedError("event_handling"), false],
    ["handler_not_found", new CodedError("handler_not_found"), false],
    ["message_validation", new CodedError("message_validation"), false],
  ] as const
) {
  Deno.test(`isRetryable() is ${expected} for ${description}`, () => {
    assert.equal(isRetryable(error), expected);
  });
}

Deno.test("retryAsync() asks isRetryable() by default", async () => {
  let attempts = 0;
  const result = retryAsync(() => {
    attempts++;
    throw new CodedError("circuit_open");
  }, retryPolicy());
  await assert.rejects(result, { code: "circuit_open" });
  assert.equal(attempts, 1);
});
