import { type Clock, sleep, systemClock } from "../clock.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../resilience/mod.ts";
import type { Tick, TickReport } from "./tick.ts";

/** Calls `onWake` when there may be something to do, until the result is disposed. */
export type WakeUps = (onWake: () => void) => Promise<AsyncDisposable>;

/** How {@linkcode runTicks} drives a job. */
export interface RunTicksOptions<R extends TickReport = TickReport> {
  /** Ends the loop, as disposing it does. @default never */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long it waits after a tick that has left nothing, in milliseconds. With 0 it does not wait.
   *
   * @default {1_000}
   */
  readonly intervalMs?: number;
  /** Ends the wait early. Missed wake-ups cost no more than the interval. @default none */
  readonly wakeUps?: WakeUps | undefined;
  /** The budget of a tick, in milliseconds: how long the loop may take to notice that it ends. @default {1_000} */
  readonly budgetMs?: number;
  /**
   * How long a tick may take to finish when the loop ends, in milliseconds, before its signal aborts;
   * 0 aborts at once, `Infinity` never.
   *
   * @default {3_000}
   */
  readonly graceMs?: number;
  /**
   * The delays after ticks that failed one after the other.
   *
   * @default {exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 30_000 })}
   */
  readonly backoff?: Backoff | BackoffOptions;
  /** Is told what a tick failed with; the loop goes on. It must not throw. */
  readonly onError: (error: unknown) => void;
  /** Is told what a tick reports. It must not throw. @default nobody */
  readonly onReport?: (report: R) => void;
  /** The clock of all waits. @default {systemClock} */
  readonly clock?: Clock;
}

/** A loop of ticks. Disposing it ends it and waits until it has ended. */
export interface TickLoop extends AsyncDisposable {
  /** Resolves when the loop has ended; never rejects. */
  readonly done: Promise<void>;
  /** Ends the present wait. */
  wake(): void;
}

/**
 * Drives a job in a process that lives on: one tick after the other, at once while there is more to
 * do, and otherwise when an interval has passed or something wakes it. It ends when its signal aborts
 * or it is disposed: the tick under way gets the time to finish what it has begun.
 *
 * @throws {RangeError} If an option is out of its range.
 *
 * @example A job until the process is told to stop
 * ```ts
 * import { runTicks } from "@sluice/cqrs/background";
 * import assert from "node:assert/strict";
 *
 * const queue = ["a", "b", "c"];
 * const done: string[] = [];
 * const empty = Promise.withResolvers<void>();
 * const job = {
 *   async tick() {
 *     done.push(...queue.splice(0, 2));
 *     if (queue.length === 0) empty.resolve();
 *     return await Promise.resolve({ hasMore: queue.length > 0 });
 *   },
 * };
 * const loop = runTicks(job, { onError: (error) => assert.fail(String(error)) });
 * await empty.promise;
 * await loop[Symbol.asyncDispose]();
 * assert.deepEqual(done, ["a", "b", "c"]);
 * ```
 */
export function runTicks<R extends TickReport>(
  job: Tick<R>,
  options: RunTicksOptions<R>,
): TickLoop {
  const { intervalMs = 1_000, budgetMs = 1_000, graceMs = 3_000 } = options;
  for (const [name, value] of Object.entries({ intervalMs, budgetMs, graceMs })) {
    if (value >= 0) continue;
    throw new RangeError(`Cannot run ticks: ${name} must be a number from 0, got ${value}`);
  }
  const { backoff = {} } = options;
  const delayOf = typeof backoff === "function"
    ? backoff
    : exponentialBackoff({ initialDelayMs: 200, ...backoff });
  return new Loop(job, options, { intervalMs, budgetMs, graceMs, delayOf });
}

interface Timing {
  readonly intervalMs: number;
  readonly budgetMs: number;
  readonly graceMs: number;
  readonly delayOf: Backoff;
}

class Loop<R extends TickReport> implements TickLoop {
  readonly done: Promise<void>;
  readonly #job: Tick<R>;
  readonly #options: RunTicksOptions<R>;
  readonly #timing: Timing;
  readonly #clock: Clock;
  /** Aborts when the loop begins to end. */
  readonly #stop = new AbortController();
  /** Aborts when the tick under way has to end. */
  readonly #cut = new AbortController();
  #isAwake = false;
  #endWait: (() => void) | undefined;
  #endGrace: (() => void) | undefined;

  constructor(job: Tick<R>, options: RunTicksOptions<R>, timing: Timing) {
    this.#job = job;
    this.#options = options;
    this.#timing = timing;
    this.#clock = options.clock ?? systemClock;
    const { signal } = options;
    const onAbort = () => this.#end(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    this.done = this.#run().finally(() => {
      signal?.removeEventListener("abort", onAbort);
      this.#endGrace?.();
    });
  }

  wake(): void {
    this.#isAwake = true;
    this.#endWait?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new DOMException("The loop was disposed", "AbortError"));
    await this.done;
  }

  #end(reason: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(reason);
    const { graceMs } = this.#timing;
    if (graceMs === 0) return this.#cut.abort(reason);
    if (graceMs === Infinity) return;
    this.#endGrace = this.#clock.setTimer(() => this.#cut.abort(reason), graceMs);
  }

  async #run(): Promise<void> {
    const wakeUps = await this.#subscribe();
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      this.#isAwake = false;
      const report = await this.#tick();
      failures = report === undefined ? failures + 1 : 0;
      if (this.#stop.signal.aborted) break;
      await this.#wait(this.#delayAfter(report, failures));
    }
    await this.#unsubscribe(wakeUps);
  }

  async #unsubscribe(wakeUps: AsyncDisposable | undefined): Promise<void> {
    try {
      await wakeUps?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** With more to do it does not wait, but lets other work of the process have its turn. */
  #delayAfter(report: R | undefined, failures: number): number {
    if (report === undefined) return this.#timing.delayOf(failures);
    return report.hasMore ? 0 : this.#timing.intervalMs;
  }

  /** Without wake-ups the loop still looks by itself. */
  async #subscribe(): Promise<AsyncDisposable | undefined> {
    if (this.#stop.signal.aborted) return undefined;
    try {
      return await this.#options.wakeUps?.(() => this.wake());
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
  }

  async #tick(): Promise<R | undefined> {
    const { budgetMs } = this.#timing;
    try {
      const report = await this.#job.tick({ budgetMs, signal: this.#cut.signal });
      this.#options.onReport?.(report);
      return report;
    } catch (error) {
      const isAsked = this.#cut.signal.aborted && error === this.#cut.signal.reason;
      if (!isAsked) this.#options.onError(error);
      return undefined;
    }
  }

  async #wait(delayMs: number): Promise<void> {
    if (this.#isAwake) return;
    const end = new AbortController();
    const endWait = () => end.abort();
    this.#endWait = endWait;
    const { signal } = this.#stop;
    signal.addEventListener("abort", endWait, { once: true });
    await sleep(this.#clock, delayMs, end.signal).catch(() => {}); // woken
    signal.removeEventListener("abort", endWait);
    this.#endWait = undefined;
  }
}
