import type { Tick, TickOptions, TickReport } from "../background/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
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
export function outboxPurge(options: OutboxPurgeOptions): Tick<PurgeReport> {
  const { storage, retentionMs = 604_800_000, batchSize = 1_000, clock = systemClock } = options;
  if (!(Number.isFinite(retentionMs) && retentionMs >= 0)) {
    throw new RangeError(
      `Cannot purge: retentionMs must be a finite number from 0, got ${retentionMs}`,
    );
  }
  if (!(Number.isSafeInteger(batchSize) && batchSize > 0)) {
    throw new RangeError(`Cannot purge: batchSize must be a positive integer, got ${batchSize}`);
  }
  return {
    async tick({ budgetMs, signal }: TickOptions): Promise<PurgeReport> {
      const endMs = clock.now() + budgetMs;
      let deleted = 0;
      do {
        signal?.throwIfAborted();
        const count = await storage.outbox.purge({ olderThanMs: retentionMs, limit: batchSize });
        deleted += count;
        if (count < batchSize) return { hasMore: false, deleted };
      } while (clock.now() < endMs);
      return { hasMore: true, deleted };
    },
  };
}
