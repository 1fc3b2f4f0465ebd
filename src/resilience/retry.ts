import { type Clock, sleep, systemClock } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "./backoff.ts";

/** When and how often {@linkcode retryAsync} repeats. */
export interface RetryOptions {
  /** The number of attempts including the first; 1 never repeats, `Infinity` has no limit. @default {3} */
  readonly maxAttempts?: number | undefined;
  /** The delays between attempts, as a function or as options. @default {exponentialBackoff()} */
  readonly backoff?: Backoff | BackoffOptions | undefined;
  /** Whether to repeat after this error. @default {isRetryable} */
  readonly when?: ((error: unknown) => boolean) | undefined;
  /** The clock that measures the delays. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** Validated {@linkcode RetryOptions}, to be made once and used for many calls. */
export interface RetryPolicy {
  /** The number of attempts including the first. */
  readonly maxAttempts: number;
  /** The delays between attempts. */
  readonly backoff: Backoff;
  /** Whether to repeat after this error. */
  readonly when: (error: unknown) => boolean;
  /** The clock that measures the delays. */
  readonly clock: Clock;
}

/** A failed attempt that will be repeated. */
export interface RetryInfo {
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** The wait before the next attempt, in milliseconds. */
  readonly delayMs: number;
  /** What the attempt threw. */
  readonly error: unknown;
}

/** What belongs to one call of {@linkcode retryAsync}. */
export interface RetryCallOptions {
  /** Ends the wait between attempts, and rules out further attempts. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each wait. What it throws ends the call. */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
}

/**
 * Validates `options` and fills in the defaults.
 *
 * @throws {RangeError} If `maxAttempts` or a number of the backoff is out of its range.
 */
export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  const { maxAttempts = 3, backoff, when = isRetryable, clock = systemClock } = options;
  if (maxAttempts !== Infinity && !(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
    throw new RangeError(
      `Cannot create the retry policy: maxAttempts must be a positive integer or Infinity, got ${maxAttempts}`,
    );
  }
  return {
    maxAttempts,
    backoff: typeof backoff === "function" ? backoff : exponentialBackoff(backoff),
    when,
    clock,
  };
}

/**
 * Calls `run` until it succeeds, the attempts are used up, or the policy says
 * that a repeat cannot help.
 *
 * An attempt in flight is waited for even when the signal aborts; pass the
 * signal to what `run` calls to end it early. Its result counts, and its error
 * is thrown as it is.
 *
 * @param run Receives the number of the attempt, from 1.
 * @throws The error of the last attempt, unchanged, or the reason of `signal`
 * if it aborts before the first attempt or between two.
 *
 * @example Getting over a hiccup
 * ```ts
 * import { retryAsync, retryPolicy } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const policy = retryPolicy({ maxAttempts: 5, backoff: { initialDelayMs: 1 } });
 * const answer = await retryAsync((attempt) => {
 *   if (attempt < 3) throw new Error("Not yet");
 *   return attempt;
 * }, policy);
 * assert.equal(answer, 3);
 * ```
 */
export async function retryAsync<T>(
  run: (attempt: number) => Promise<T> | T,
  policy: RetryPolicy,
  options: RetryCallOptions = {},
): Promise<T> {
  const { signal, onRetry } = options;
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await run(attempt);
    } catch (error) {
      if (attempt >= policy.maxAttempts || signal?.aborted || !policy.when(error)) throw error;
      const delayMs = policy.backoff(attempt);
      onRetry?.({ attempt, delayMs, error });
      await sleep(policy.clock, delayMs, signal);
    }
  }
}

/**
 * Tells whether a repeat can help after `error`, as far as its type says.
 *
 * Errors that Sluice did not define are retryable: they come from handlers and
 * from what those call. Of Sluice's own two are: `"publish"`, because the broker
 * may be back, and `"concurrency"`, because what another has changed can be read
 * again; the others report wrong messages or wiring, or, like
 * `"circuit_open"`, exist to keep calls away. `"event_handling"` is not
 * retryable either: its command has succeeded and would run twice.
 */
export function isRetryable(error: unknown): boolean {
  return !(error instanceof SluiceError) || ["publish", "concurrency"].includes(error.code);
}
