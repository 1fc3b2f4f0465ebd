import fc from "fast-check";
import assert from "node:assert/strict";
import { type BackoffOptions, exponentialBackoff } from "../../../src/resilience/backoff.ts";

const ATTEMPTS = [1, 2, 3, 4, 20, 10_000] as const;

const TABLE: ReadonlyArray<[description: string, BackoffOptions, expectedMs: readonly number[]]> = [
  ["doubles from 100 ms up to 30 s by default", {}, [100, 200, 400, 800, 30_000, 30_000]],
  ["starts at initialDelayMs", { initialDelayMs: 7 }, [7, 14, 28, 56, 30_000, 30_000]],
  ["multiplies by factor", { factor: 10 }, [100, 1_000, 10_000, 30_000, 30_000, 30_000]],
  ["stays constant at factor 1", { factor: 1 }, [100, 100, 100, 100, 100, 100]],
  ["never exceeds maxDelayMs", { maxDelayMs: 250 }, [100, 200, 250, 250, 250, 250]],
  ["starts at maxDelayMs where that is shorter", { maxDelayMs: 50 }, [50, 50, 50, 50, 50, 50]],
  ["takes a longer initialDelayMs for the limit", {
    initialDelayMs: 60_000,
  }, [60_000, 60_000, 60_000, 60_000, 60_000, 60_000]],
  ["never waits at initialDelayMs 0", { initialDelayMs: 0 }, [0, 0, 0, 0, 0, 0]],
  ["gives whole milliseconds", { initialDelayMs: 1.5, maxDelayMs: 9.9 }, [1, 3, 6, 9, 9, 9]],
];

for (const [description, options, expectedMs] of TABLE) {
  Deno.test(`exponentialBackoff() ${description}`, () => {
    const backoff = exponentialBackoff({ ...options, jitter: "none" });
    assert.deepEqual(ATTEMPTS.map(backoff), expectedMs);
  });
}

Deno.test("exponentialBackoff() spreads delays over the whole computed delay by default", () => {
  const randoms = [0, 0.5, 0.999];
  const backoff = exponentialBackoff({ random: () => randoms.shift() ?? 0 });
  assert.deepEqual([backoff(2), backoff(2), backoff(2)], [0, 100, 199]);
});

Deno.test("exponentialBackoff() draws anew from Math.random for every delay by default", () => {
  const backoff = exponentialBackoff({ initialDelayMs: 1e9, maxDelayMs: 1e9 });
  const delaysMs = new Set(Array.from({ length: 10 }, () => backoff(1)));
  assert.ok(delaysMs.size > 1);
});

Deno.test("exponentialBackoff() stays finite and within its limit for any options", () => {
  const optionsArbitrary = fc.record({
    initialDelayMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    factor: fc.double({ min: 1, noNaN: true, noDefaultInfinity: true }),
    maxDelayMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    jitter: fc.constantFrom("full", "none"),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map((n) => () => n),
  });
  fc.assert(
    fc.property(optionsArbitrary, fc.integer({ min: 1, max: 10_000 }), (options, attempt) => {
      const delayMs = exponentialBackoff(options)(attempt);
      assert.ok(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= options.maxDelayMs);
    }),
  );
});

for (
  const [option, value] of [
    ["initialDelayMs", -1],
    ["initialDelayMs", NaN],
    ["initialDelayMs", Infinity],
    ["factor", 0.9],
    ["factor", Infinity],
    ["maxDelayMs", -1],
    ["maxDelayMs", Infinity],
  ] as const
) {
  Deno.test(`exponentialBackoff() refuses ${option} ${value}`, () => {
    assert.throws(() => exponentialBackoff({ [option]: value }), {
      name: "RangeError",
      message: new RegExp(`^Cannot create the backoff: ${option} must be .*, got ${value}$`),
    });
  });
}
