/**
 * The clock that everything which waits takes as an option, so that tests
 * decide when time passes.
 *
 * @module
 */

/**
 * A source of time and timers.
 *
 * An implementation must never call `callback` synchronously from
 * {@linkcode Clock.setTimer}, and must not call it after the returned function
 * was called.
 */
export interface Clock {
  /** The current time in milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Calls `callback` once, `delayMs` milliseconds from now.
   *
   * @returns A function that cancels the timer; calling it twice, or after the timer fired, does nothing.
   */
  setTimer(callback: () => void, delayMs: number): () => void;
}

/** The clock of the system: `Date.now` and `setTimeout`. The default of every `clock` option. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(callback, delayMs) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      timer = leftMs > MAX_TIMEOUT_MS
        ? setTimeout(() => wait(leftMs - MAX_TIMEOUT_MS), MAX_TIMEOUT_MS)
        : setTimeout(callback, leftMs);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};

/** What `setTimeout` can wait, 2^31 - 1 ms or 24.8 days; with more it fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Waits for `delayMs` milliseconds of `clock`.
 *
 * @throws The reason of `signal`, as soon as it aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.setTimer(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
