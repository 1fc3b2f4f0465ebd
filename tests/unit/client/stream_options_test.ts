import assert from "node:assert/strict";
import { streamItems, type StreamItemsOptions } from "../../../src/client/mod.ts";
import { resumeBackoff } from "../../../src/client/stream_options.ts";
import { Watch } from "./support.ts";

for (
  const [name, value] of [
    ["silenceMs", 0],
    ["silenceMs", -1],
    ["silenceMs", NaN],
    ["maxAttempts", -1],
    ["maxAttempts", 1.5],
    ["maxAttempts", NaN],
    ["maxEventBytes", 0],
    ["maxEventBytes", 1.5],
  ] as const
) {
  Deno.test(`streamItems() refuses ${value} as ${name} at once`, () => {
    assert.throws(() => streamItems("http://a.example", Watch({}), { [name]: value }), {
      name: "RangeError",
      message: new RegExp(`^Cannot send the request: ${name} must be .+, got ${value}$`),
    });
  });
}

Deno.test("streamItems() refuses a backoff that is out of range at once", () => {
  assert.throws(
    () => streamItems("http://a.example", Watch({}), { backoff: { initialDelayMs: -1 } }),
    RangeError,
  );
});

Deno.test("streamItems() takes the limits of its options", () => {
  const options: StreamItemsOptions<unknown> = {
    silenceMs: Infinity,
    maxAttempts: Infinity,
    maxEventBytes: Infinity,
  };
  streamItems("http://a.example", Watch({}), options);
  streamItems("http://a.example", Watch({}), { maxAttempts: 0, silenceMs: 0.5, maxEventBytes: 1 });
});

/** The delays before the first attempts, with the highest or the lowest that chance can make of them. */
function delaysOf(retryMs: number | undefined, random: number): number[] {
  const original = Math.random;
  Math.random = () => random;
  try {
    return [1, 2, 3, 4, 5, 6, 7, 100].map(resumeBackoff(retryMs));
  } finally {
    Math.random = original;
  }
}

const most = 1 - Number.EPSILON;

Deno.test("resumeBackoff() begins soon, and doubles the time of the server up to 30 seconds", () => {
  const delays = delaysOf(3_000, most);
  assert.deepEqual(delays, [299, 2999, 5999, 11999, 23999, 29999, 29999, 29999]);
});

Deno.test("resumeBackoff() begins with 1 second where the server says nothing", () => {
  assert.deepEqual(delaysOf(undefined, most).slice(0, 3), [99, 999, 1999]);
});

Deno.test("resumeBackoff() does not go below the server's time where that is longer", () => {
  assert.deepEqual(delaysOf(60_000, most).slice(0, 3), [5999, 59999, 59999]);
});

Deno.test("resumeBackoff() does not hammer a server that wants no delay", () => {
  assert.deepEqual(delaysOf(0, most).slice(0, 3), [0, 99, 199]);
});

Deno.test("resumeBackoff() spreads the delays down to 0", () => {
  assert.deepEqual(delaysOf(3_000, 0), [0, 0, 0, 0, 0, 0, 0, 0]);
});
