/** Lets a bounded number of calls run at once; the others wait in the order of their coming. */
export interface ConcurrencyLimit {
  /** How many calls run at once at most. */
  readonly max: number;
  /**
   * Calls `work` as soon as fewer than {@linkcode ConcurrencyLimit.max} others
   * run, synchronously if that is now, and settles as it does.
   *
   * Work that waits for other work under the same limit can deadlock.
   *
   * @throws The reason of `signal`, if it aborts before `work` was called; the
   * call then leaves the queue at once.
   */
  run<T>(
    work: () => Promise<T> | T,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;
}

/**
 * Creates a limit on how many calls run at once.
 *
 * @param max A positive integer; `Infinity` sets no limit.
 * @throws {RangeError} If `max` is neither.
 *
 * @example Two at a time
 * ```ts
 * import { concurrencyLimit } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const limit = concurrencyLimit(2);
 * let running = 0;
 * let most = 0;
 * await Promise.all([1, 2, 3, 4, 5].map(() =>
 *   limit.run(async () => {
 *     most = Math.max(most, ++running);
 *     await Promise.resolve();
 *     running--;
 *   })
 * ));
 * assert.equal(most, 2);
 * ```
 */
export function concurrencyLimit(max: number): ConcurrencyLimit {
  if (max !== Infinity && !(Number.isInteger(max) && max >= 1)) {
    throw new RangeError(
      `Cannot create the concurrency limit: max must be a positive integer or Infinity, got ${max}`,
    );
  }
  const queue = new TurnQueue();
  let running = 0;
  return {
    max,
    async run(work, { signal } = {}) {
      signal?.throwIfAborted();
      if (running < max) running++;
      else await queue.join(signal);
      try {
        // The signal may abort between the turn and this line.
        signal?.throwIfAborted();
        return await work();
      } finally {
        // The place goes straight to the next in line, so that nobody overtakes.
        if (!queue.admitNext()) running--;
      }
    },
  };
}

/** First come, first served, by numbered tickets: leaving the queue early costs no search. */
class TurnQueue {
  readonly #waiting: Map<number, () => void> = new Map();
  #nextTicket = 0;
  #nowServing = 0;

  join(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const ticket = this.#nextTicket++;
      const onAbort = () => {
        this.#waiting.delete(ticket);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.set(ticket, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
  }

  /** Returns whether somebody was waiting. */
  admitNext(): boolean {
    while (this.#nowServing < this.#nextTicket) {
      const ticket = this.#nowServing++;
      const admit = this.#waiting.get(ticket);
      if (admit === undefined) continue;
      this.#waiting.delete(ticket);
      admit();
      return true;
    }
    return false;
  }
}
