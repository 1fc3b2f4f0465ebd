import { type DeletionReport, purgeTicks, type Tick } from "../background/mod.ts";
import type { Clock } from "../clock.ts";
import type { SagaStore } from "../storage/mod.ts";

/** How {@linkcode sagaPurge} deletes. */
export interface SagaPurgeOptions {
  /** The storage. */
  readonly storage: { readonly sagas: Pick<SagaStore, "purge"> };
  /**
   * How long a saga is kept after it was completed or compensated, in milliseconds, a finite number. What is
   * started under its id after that is a new one.
   *
   * @default {2_592_000_000}, which is 30 days
   */
  readonly retentionMs?: number;
  /** How many are deleted at a time, a positive integer. @default {1_000} */
  readonly batchSize?: number;
  /** The clock of the budget. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Creates a job that deletes sagas with their logs when they have been completed or compensated for long
 * enough, some at a time. Those that failed stay until somebody has seen to them.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Keeping what is done for a year
 * ```ts
 * import { sagaPurge } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const purge = sagaPurge({ storage: memoryStorage(), retentionMs: 365 * 86_400_000 });
 * assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 0 });
 * ```
 */
export function sagaPurge(
  { storage, retentionMs = 2_592_000_000, ...options }: SagaPurgeOptions,
): Tick<DeletionReport> {
  return purgeTicks((some) => storage.sagas.purge(some), { retentionMs, ...options });
}
