import { purgeTicks, type Tick, type TickReport } from "../background/mod.ts";
import type { Clock } from "../clock.ts";
import type { OutboxStore } from "../storage/mod.ts";

/** How {@linkcode outboxPurge} deletes. */
export interface OutboxPurgeOptions {
  /** The storage, which keeps what it has published (`keepPublished`). */
  readonly storage: { readonly outbox: Pick<OutboxStore, "purge"> };
  /**
   * How long a message is kept after it was published, in milliseconds; 0 keeps none, and `Infinity` is
   * refused, as there is nothing to purge then. It counts from when it was published, so a message that
   * waited for long is not gone at once.
   *
   * @default {604_800_000}, which is 7 days
   */
  readonly retentionMs?: number;
  /** How many are deleted at a time, a positive integer. @default {1_000} */
  readonly batchSize?: number;
  /** The clock of the budget. @default {systemClock} */
  readonly clock?: Clock;
}

/** What a tick has deleted. */
export interface PurgeReport extends TickReport {
  /** How many messages. */
  readonly deleted: number;
}

/**
 * Creates a job that deletes published messages when they are old enough, some at a time.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Keeping what was published for a day
 * ```ts
 * import { notification, type } from "@sluice/cqrs";
 * import { outboxPurge } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const storage = memoryStorage({ keepPublished: true });
 * const purge = outboxPurge({ storage, retentionMs: 86_400_000 });
 * assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 0 });
 * ```
 */
export function outboxPurge(
  { storage, retentionMs = 604_800_000, ...options }: OutboxPurgeOptions,
): Tick<PurgeReport> {
  return purgeTicks((some) => storage.outbox.purge(some), { retentionMs, ...options });
}
