/** The bounds of one tick. */
export interface TickOptions {
  /**
   * How long the tick goes on beginning work, in milliseconds. It finishes what it has begun. With 0
   * it does no more than it can begin at once, with `Infinity` it goes on until nothing is left.
   */
  readonly budgetMs: number;
  /** Ends the tick early: it begins nothing more, and cancels what can be cancelled. @default never */
  readonly signal?: AbortSignal | undefined;
}

/** What a tick has to say. Jobs add what they have done; JSON can carry it. */
export interface TickReport {
  /**
   * Whether the tick has left work that could be done at once. Whoever drives the job need not wait
   * before the next tick.
   */
  readonly hasMore: boolean;
}

/**
 * A job in the background, such as publishing what is stored in an outbox: a function that does a
 * bounded amount of it. A loop, a timer, a queue or an HTTP request drives it, so that it also runs
 * where no process lives between two requests.
 *
 * @typeParam R What a tick reports.
 *
 * @example A job that deletes what is too old, some at a time
 * ```ts
 * import { systemClock } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const old = ["a", "b", "c"];
 * const purge = {
 *   async tick({ budgetMs, signal }: { budgetMs: number; signal?: AbortSignal }) {
 *     const endMs = systemClock.now() + budgetMs;
 *     let deleted = 0;
 *     do {
 *       signal?.throwIfAborted();
 *       await Promise.resolve(old.pop());
 *       deleted++;
 *     } while (old.length > 0 && systemClock.now() < endMs);
 *     return { hasMore: old.length > 0, deleted };
 *   },
 * };
 * assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 3 });
 * ```
 */
export interface Tick<R extends TickReport = TickReport> {
  /**
   * Does some work and resolves to a report. It does not wait for work to come: where there is none it
   * resolves soon.
   *
   * An implementation does not rely on being the only one: ticks of one job may overlap, in one
   * process and in several. What a tick leaves undone, since it failed, was aborted or died, a later
   * one does.
   *
   * @throws The reason of `options.signal`, if it aborts before the tick is done.
   */
  tick(options: TickOptions): Promise<R>;
}
