import { type Clock, systemClock } from "../clock.ts";

/** Work that settled after its caller had already been rejected. */
export interface Overrun {
  /** From the start of the work to its end, in milliseconds. */
  readonly elapsedMs: number;
  /**
   * What the caller was rejected with. Work that obeys its signal usually
   * rejects with the same value.
   */
  readonly reason: unknown;
  /** How the work ended. */
  readonly outcome: PromiseSettledResult<unknown>;
}

/** Options of {@linkcode withDeadline} and {@linkcode Deadline}. */
export interface DeadlineOptions {
  /** The caller's signal: when it aborts, the work's signal aborts with the same reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What an abort of the caller does beside aborting the work's signal:
   * `"reject"` rejects at once, `"forward"` leaves it to the work how and when it settles.
   *
   * @default {"reject"}
   */
  readonly onCallerAbort?: "reject" | "forward" | undefined;
  /** The clock that measures the limit. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /**
   * Asked when the limit has passed. A promise that it gives is waited for first, because the work is
   * where it must not be given up, as in a commit. When that resolves there is no limit any more; when
   * it rejects this is asked again.
   *
   * @default nothing is waited for
   */
  readonly postpone?: (() => Promise<unknown> | undefined) | undefined;
  /** Called when work settles after its caller was rejected. It must not throw. */
  readonly onOverrun?: ((overrun: Overrun) => void) | undefined;
}

/**
 * Calls `run` and rejects as soon as it has taken `timeoutMs` milliseconds, or
 * the caller's signal aborts, whether or not `run` looks at the signal that it
 * receives. A `run` that goes on regardless cannot be stopped; its late outcome
 * goes to `onOverrun`.
 *
 * @param timeoutMs The limit; `Infinity` sets none.
 * @throws {DOMException} With the name `"TimeoutError"`, when the limit has passed.
 * @throws {RangeError} If `timeoutMs` is not positive.
 * @throws The reason of the caller's signal, or what `run` throws.
 *
 * @example Giving up on a slow dependency
 * ```ts
 * import { withDeadline } from "@sluice/cqrs";
 * import { ManualClock } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new ManualClock();
 * const answer = withDeadline(5_000, () => new Promise(() => {}), { clock });
 * const rejected = assert.rejects(answer, { name: "TimeoutError" });
 * await clock.advance(5_000);
 * await rejected;
 * ```
 */
export async function withDeadline<T>(
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T> | T,
  options: DeadlineOptions = {},
): Promise<T> {
  const deadline = new Deadline(timeoutMs, options);
  try {
    return await deadline.run(run);
  } finally {
    deadline.close();
  }
}

/**
 * A time limit that starts anew with each {@linkcode Deadline.run}, one at a
 * time, for work that comes in parts, such as the items of a stream. All parts
 * share one signal; once it has aborted, every further part is refused.
 * Call {@linkcode Deadline.close} when the work is over.
 *
 * The time between two parts does not count.
 */
export class Deadline {
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #postpone: (() => Promise<unknown> | undefined) | undefined;
  readonly #onOverrun: ((overrun: Overrun) => void) | undefined;
  readonly #controller = new AbortController();
  readonly #onCallerAbort: () => void;
  #isOver = false;
  /** Rejects the part in flight. */
  #reject: ((reason: unknown) => void) | undefined;
  #dueMs = Infinity;
  #cancelTimer: (() => void) | undefined;

  /**
   * Creates a deadline that does not run yet.
   *
   * @param timeoutMs The limit of each part, in milliseconds; `Infinity` sets none.
   * @throws {RangeError} If `timeoutMs` is not positive.
   */
  constructor(timeoutMs: number, options: DeadlineOptions = {}) {
    assertTimeoutMs(timeoutMs);
    this.#timeoutMs = timeoutMs;
    this.#clock = options.clock ?? systemClock;
    this.#callerSignal = options.signal;
    this.#postpone = options.postpone;
    this.#onOverrun = options.onOverrun;
    this.#onCallerAbort = options.onCallerAbort === "forward"
      ? () => {
        this.close();
        this.#controller.abort(this.#callerSignal?.reason);
      }
      : () => this.#abort(this.#callerSignal?.reason);
    if (options.signal?.aborted) this.#controller.abort(options.signal.reason);
    else options.signal?.addEventListener("abort", this.#onCallerAbort, { once: true });
  }

  /** Aborts when a part exceeds the limit or the caller's signal aborts, with that reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Calls `work` and settles as it does, or rejects at once with the reason of
   * {@linkcode Deadline.signal} when that aborts. Does not call `work` if it has
   * aborted already.
   *
   * @throws {TypeError} If the previous part has not settled.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.signal.throwIfAborted();
      if (this.#reject !== undefined) {
        throw new TypeError("Cannot run under the deadline: the previous part has not settled");
      }
      const startedMs = this.#clock.now();
      this.#start(startedMs, reject);
      new Promise<T>((settle) => settle(work(this.signal))).then(
        (value) => {
          if (this.#finish(startedMs, { status: "fulfilled", value })) resolve(value);
        },
        (reason) => {
          if (this.#finish(startedMs, { status: "rejected", reason })) reject(reason);
        },
      );
    });
  }

  /** Removes the timer and the listener on the caller's signal. Aborts nothing. */
  close(): void {
    this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #start(nowMs: number, reject: (reason: unknown) => void): void {
    this.#reject = reject;
    this.#dueMs = nowMs + this.#timeoutMs;
    // A system timer costs more than all the rest of a part. So one timer stays
    // set across parts, and looks when it fires whether the time is really over.
    if (this.#timeoutMs !== Infinity) this.#cancelTimer ??= this.#setTimer(this.#timeoutMs);
  }

  /** Returns whether the part settled in time. */
  #finish(startedMs: number, outcome: PromiseSettledResult<unknown>): boolean {
    if (this.#isOver) {
      const elapsedMs = this.#clock.now() - startedMs;
      this.#onOverrun?.({ elapsedMs, reason: this.signal.reason, outcome });
      return false;
    }
    this.#reject = undefined;
    return true;
  }

  #setTimer(delayMs: number): () => void {
    return this.#clock.setTimer(() => {
      this.#cancelTimer = undefined;
      if (this.#reject === undefined) return;
      const nowMs = this.#clock.now();
      // A clock of the system that was set back must not stretch the limit by as much.
      this.#dueMs = Math.min(this.#dueMs, nowMs + this.#timeoutMs);
      if (nowMs < this.#dueMs) this.#cancelTimer = this.#setTimer(this.#dueMs - nowMs);
      else this.#timeOut();
    }, delayMs);
  }

  #timeOut(): void {
    const postponed = this.#postpone?.();
    if (postponed === undefined) return this.#abort(timeoutError(this.#timeoutMs));
    postponed.catch(() => {
      // A turn later, so that the work can settle as what was waited for did.
      if (this.#reject !== undefined) this.#cancelTimer = this.#setTimer(0);
    });
  }

  #abort(reason: unknown): void {
    this.close();
    this.#isOver = true;
    this.#controller.abort(reason);
    this.#reject?.(reason);
  }
}

/**
 * Throws unless `timeoutMs` is a usable limit, for options that are validated
 * before the first call.
 *
 * @throws {RangeError} If `timeoutMs` is not positive; `Infinity` is.
 */
export function assertTimeoutMs(timeoutMs: number): void {
  if (timeoutMs > 0) return;
  throw new RangeError(`Cannot set a time limit: timeoutMs must be positive, got ${timeoutMs}`);
}

function timeoutError(timeoutMs: number): DOMException {
  return new DOMException(
    `Cannot wait any longer: the limit of ${timeoutMs} ms has passed`,
    "TimeoutError",
  );
}
