import { SluiceError } from "../errors.ts";
import type { SagaStatistics, SagaStore } from "../storage/mod.ts";

/** What {@linkcode sagaHealth} puts up with. */
export interface SagaHealthOptions {
  /** For how long a saga may wait for somebody to go on with it, in milliseconds; `Infinity` puts up with any time. @default {60_000} */
  readonly maxDueMs?: number;
  /** How many sagas may have failed; `Infinity` puts up with any number. @default {Infinity} */
  readonly maxFailed?: number;
  /** How many sagas may be parked; `Infinity` puts up with any number. @default {Infinity} */
  readonly maxParked?: number;
}

/** Sagas are not gone on with as fast as they should be, or need somebody to look at them. */
export class SagaLagError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaLagError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_lag";
  /** What the storage holds. */
  readonly statistics: SagaStatistics;

  /** Creates the error for a storage that holds `statistics`. */
  constructor(statistics: SagaStatistics, options?: ErrorOptions) {
    const { oldestDueMs = 0, failed, parked } = statistics;
    super(
      `Cannot keep up: a saga has been due for ${oldestDueMs} ms, ${failed} sagas have failed, ` +
        `${parked} are parked`,
      options,
    );
    this.statistics = statistics;
  }
}

/**
 * Makes a check of sagas for a health route. It goes by how long the oldest one waits that could be
 * recovered: a recovery that stands still is seen, however little there is to do.
 *
 * @returns A function that resolves to the statistics.
 * @throws {SagaLagError} When the sagas exceed what is put up with.
 *
 * @example A check
 * ```ts
 * import { sagaHealth } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const check = sagaHealth(memoryStorage(), { maxFailed: 0, maxParked: 0 });
 * // api.get("/health", healthRoute({ sagas: check }));
 * assert.equal((await check()).running, 0);
 * ```
 */
export function sagaHealth(
  storage: { readonly sagas: Pick<SagaStore, "statistics"> },
  options: SagaHealthOptions = {},
): () => Promise<SagaStatistics> {
  const { maxDueMs = 60_000, maxFailed = Infinity, maxParked = Infinity } = options;
  return async () => {
    const statistics = await storage.sagas.statistics();
    const { oldestDueMs = 0, failed, parked } = statistics;
    if (oldestDueMs > maxDueMs || failed > maxFailed || parked > maxParked) {
      throw new SagaLagError(statistics);
    }
    return statistics;
  };
}
