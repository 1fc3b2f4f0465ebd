import { SluiceError } from "../errors.ts";
import type { OutboxStatistics, OutboxStore } from "../storage/mod.ts";

/** What {@linkcode outboxHealth} puts up with. */
export interface OutboxHealthOptions {
  /** The age of the oldest message that is not published, in milliseconds; `Infinity` puts up with any. @default {60_000} */
  readonly maxAgeMs?: number;
  /** How many dead letters; `Infinity` puts up with any number. @default {Infinity} */
  readonly maxDeadLetters?: number;
  /** How many keys may be parked behind a dead letter; `Infinity` puts up with any number. @default {Infinity} */
  readonly maxParkedKeys?: number;
}

/** An outbox is not published as fast as it should be, or needs somebody to look at it. */
export class OutboxLagError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "OutboxLagError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "outbox_lag";
  /** What the outbox holds. */
  readonly statistics: OutboxStatistics;

  /** Creates the error for an outbox that holds `statistics`. */
  constructor(statistics: OutboxStatistics, options?: ErrorOptions) {
    const { pending, oldestAgeMs = 0, parkedKeys, deadLetters } = statistics;
    super(
      `Cannot keep up: ${pending} messages wait, the oldest for ${oldestAgeMs} ms, ` +
        `${parkedKeys} keys are parked, ${deadLetters} messages are dead`,
      options,
    );
    this.statistics = statistics;
  }
}

/**
 * Makes a check of an outbox for a health route. It goes by the age of the oldest message: a relay
 * that stands still is seen, however little there is to do.
 *
 * @returns A function that resolves to the statistics.
 * @throws {OutboxLagError} When the outbox exceeds what is put up with.
 *
 * @example A check
 * ```ts
 * import { outboxHealth } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const check = outboxHealth(memoryStorage(), { maxAgeMs: 30_000, maxDeadLetters: 0 });
 * // api.get("/health", healthRoute({ outbox: check }));
 * assert.equal((await check()).pending, 0);
 * ```
 */
export function outboxHealth(
  storage: { readonly outbox: Pick<OutboxStore, "statistics"> },
  options: OutboxHealthOptions = {},
): () => Promise<OutboxStatistics> {
  const { maxAgeMs = 60_000, maxDeadLetters = Infinity, maxParkedKeys = Infinity } = options;
  return async () => {
    const statistics = await storage.outbox.statistics();
    const { oldestAgeMs = 0, deadLetters, parkedKeys } = statistics;
    if (oldestAgeMs > maxAgeMs || deadLetters > maxDeadLetters || parkedKeys > maxParkedKeys) {
      throw new OutboxLagError(statistics);
    }
    return statistics;
  };
}
