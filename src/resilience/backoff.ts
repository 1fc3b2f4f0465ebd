/**
 * How long to wait before the next attempt, in milliseconds. `attempt` is the
 * number of the attempt that has just failed, from 1. The result must be
 * finite; 0 or less means at once.
 */
export type Backoff = (attempt: number) => number;

/** How {@linkcode exponentialBackoff} computes its delays. */
export interface BackoffOptions {
  /** The delay after the first failure, in milliseconds; 0 never waits. @default {100} */
  readonly initialDelayMs?: number | undefined;
  /** What each further failure multiplies the delay by; 1 keeps it constant. @default {2} */
  readonly factor?: number | undefined;
  /**
   * The longest delay, in milliseconds, finite; it wins over `initialDelayMs`.
   *
   * @default {30_000}, or `initialDelayMs` where that is longer
   */
  readonly maxDelayMs?: number | undefined;
  /**
   * `"full"` takes a random delay between 0 and the computed one, so that
   * callers that failed together do not come back together; `"none"` takes the
   * computed delay.
   *
   * @default {"full"}
   */
  readonly jitter?: "full" | "none" | undefined;
  /** The source of the jitter: a number from 0 up to, not including, 1. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/**
 * Returns a policy whose delay grows by a factor with every failure, up to a
 * limit. The delays are whole milliseconds.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Doubling up to a limit
 * ```ts
 * import { exponentialBackoff } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const backoff = exponentialBackoff({ initialDelayMs: 100, maxDelayMs: 500, jitter: "none" });
 * assert.deepEqual([1, 2, 3, 4, 10_000].map(backoff), [100, 200, 400, 500, 500]);
 * ```
 */
export function exponentialBackoff(options: BackoffOptions = {}): Backoff {
  const { initialDelayMs = 100, factor = 2, jitter = "full", random = Math.random } = options;
  const { maxDelayMs = Math.max(30_000, initialDelayMs) } = options;
  requireAtLeast("initialDelayMs", initialDelayMs, 0);
  requireAtLeast("factor", factor, 1);
  requireAtLeast("maxDelayMs", maxDelayMs, 0);
  return (attempt) => {
    // The bound keeps 0 * factor ** 10_000 from being 0 * Infinity, which is NaN.
    const growth = Math.min(factor ** (attempt - 1), Number.MAX_VALUE);
    const delayMs = Math.min(initialDelayMs * growth, maxDelayMs);
    return Math.floor(jitter === "full" ? random() * delayMs : delayMs);
  };
}

function requireAtLeast(option: string, value: number, minimum: number): void {
  if (Number.isFinite(value) && value >= minimum) return;
  throw new RangeError(
    `Cannot create the backoff: ${option} must be finite and at least ${minimum}, got ${value}`,
  );
}
