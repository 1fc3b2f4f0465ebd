import { type Clock, systemClock } from "../clock.ts";
import type { Tick, TickOptions, TickReport } from "./tick.ts";

/** How {@linkcode purgeTicks} deletes. */
export interface PurgeTicksOptions {
  /** How long something is kept, in milliseconds, a finite number from 0. */
  readonly retentionMs: number;
  /** How many are deleted at a time, a positive integer. @default {1_000} */
  readonly batchSize?: number | undefined;
  /** The clock of the budget. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** What a tick of a job has deleted that deletes what is old. */
export interface DeletionReport extends TickReport {
  /** How many. */
  readonly deleted: number;
}

/**
 * Makes a job of a function that deletes what is old, some at a time.
 *
 * @param purge Deletes some of what is older than `olderThanMs`, at the most `limit`; gives how many there were.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Old rows of a table of one's own
 * ```ts
 * import { purgeTicks } from "@sluice/cqrs/background";
 * import assert from "node:assert/strict";
 *
 * const ages = [10, 2_000, 3_000];
 * const purge = purgeTicks(({ olderThanMs, limit }) => {
 *   const old = ages.filter((age) => age >= olderThanMs).slice(0, limit);
 *   for (const age of old) ages.splice(ages.indexOf(age), 1);
 *   return Promise.resolve(old.length);
 * }, { retentionMs: 1_000 });
 * assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 2 });
 * ```
 */
export function purgeTicks(
  purge: (options: { readonly olderThanMs: number; readonly limit: number }) => Promise<number>,
  { retentionMs, batchSize = 1_000, clock = systemClock }: PurgeTicksOptions,
): Tick<DeletionReport> {
  if (!(Number.isFinite(retentionMs) && retentionMs >= 0)) {
    throw new RangeError(
      `Cannot purge: retentionMs must be a finite number from 0, got ${retentionMs}`,
    );
  }
  if (!(Number.isSafeInteger(batchSize) && batchSize > 0)) {
    throw new RangeError(`Cannot purge: batchSize must be a positive integer, got ${batchSize}`);
  }
  return {
    async tick({ budgetMs, signal }: TickOptions): Promise<DeletionReport> {
      const endMs = clock.now() + budgetMs;
      let deleted = 0;
      do {
        signal?.throwIfAborted();
        const count = await purge({ olderThanMs: retentionMs, limit: batchSize });
        deleted += count;
        if (count < batchSize) return { hasMore: false, deleted };
      } while (clock.now() < endMs);
      return { hasMore: true, deleted };
    },
  };
}
