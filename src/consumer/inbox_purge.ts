import { purgeTicks, type Tick, type TickReport } from "../background/mod.ts";
import type { Clock } from "../clock.ts";
import type { InboxStore } from "../storage/mod.ts";

/** How {@linkcode inboxPurge} deletes. */
export interface InboxPurgeOptions {
  /** The storage. */
  readonly storage: { readonly inbox: Pick<InboxStore, "purge"> };
  /**
   * How long it is remembered that a message was handled, in milliseconds, a finite number. What the broker
   * delivers again after that is handled again: it must be longer than the broker keeps messages.
   *
   * @default {1_209_600_000}, which is 14 days: twice what Kafka keeps by default
   */
  readonly retentionMs?: number;
  /** How many are deleted at a time, a positive integer. @default {1_000} */
  readonly batchSize?: number;
  /** The clock of the budget. @default {systemClock} */
  readonly clock?: Clock;
}

/** What a tick has deleted. */
export interface InboxPurgeReport extends TickReport {
  /** How many records. */
  readonly deleted: number;
}

/**
 * Creates a job that forgets which messages were handled, and the answers under idempotency keys, when they
 * are old enough, some at a time. Dead letters stay.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Remembering for 30 days
 * ```ts
 * import { inboxPurge } from "@sluice/cqrs/consumer";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const purge = inboxPurge({ storage: memoryStorage(), retentionMs: 30 * 86_400_000 });
 * assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 0 });
 * ```
 */
export function inboxPurge(
  { storage, retentionMs = 1_209_600_000, ...options }: InboxPurgeOptions,
): Tick<InboxPurgeReport> {
  return purgeTicks((some) => storage.inbox.purge(some), { retentionMs, ...options });
}
