import type { Clock } from "../clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when a test tells it to, so that no test sleeps.
 *
 * @example Letting a time limit pass
 * ```ts
 * import { ManualClock } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new ManualClock();
 * let rang = false;
 * clock.setTimer(() => rang = true, 1_000);
 * await clock.advance(999);
 * assert.equal(rang, false);
 * await clock.advance(1);
 * assert.equal(rang, true);
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers: Set<Timer> = new Set();
  readonly #waiting: Set<() => void> = new Set();

  /** Creates a clock that stands at `startMs` milliseconds since the Unix epoch. @default {0} */
  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  /** How many timers have been set and neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** {@inheritDoc Clock.now} */
  now(): number {
    return this.#nowMs;
  }

  /** {@inheritDoc Clock.setTimer} */
  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    for (const wake of this.#waiting) wake();
    return () => this.#timers.delete(timer);
  }

  /** Resolves as soon as at least `count` timers are pending. @default {1} */
  timersPending(count = 1): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#timers.size < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /**
   * Moves time forward by `durationMs` milliseconds, fires every timer that
   * comes due in the order of their times, and lets the code that they wake
   * run up to its next wait, so timers that it sets within the span fire too.
   */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settled();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs); // another call may have moved it further
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

/** Resolves after the promise reactions that are queued now, and those that they queue, have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
