import type {
  SagaClaimOptions,
  SagaFilter,
  SagaLease,
  SagaRecord,
  SagaStatus,
} from "./saga_store.ts";

/**
 * The checked `leaseMs` of a saga.
 *
 * @throws {RangeError} If it is not a finite number above 0.
 */
export function sagaLeaseMsOf({ leaseMs }: Pick<SagaLease, "leaseMs">): number {
  if (Number.isFinite(leaseMs) && leaseMs > 0) return leaseMs;
  throw new RangeError(`Cannot claim a saga: leaseMs must be a number above 0, got ${leaseMs}`);
}

/** What {@linkcode SagaClaimOptions} say, checked and with the defaults filled in. */
export interface SagaClaimNumbers {
  /** The checked `leaseMs`. */
  readonly leaseMs: number;
  /** The checked `limit`. */
  readonly limit: number;
  /** The checked `idleMs`. */
  readonly idleMs: number;
  /** The checked `backoffMs`. */
  readonly backoffMs: number;
  /** The checked `maxBackoffMs`. */
  readonly maxBackoffMs: number;
}

/**
 * The checked numbers of a claim.
 *
 * @throws {RangeError} If one is out of its range.
 */
export function sagaClaimNumbersOf(options: SagaClaimOptions): SagaClaimNumbers {
  const { limit, idleMs = 0, backoffMs = 0, maxBackoffMs = 300_000 } = options;
  checkLimit("claim sagas", limit);
  for (const [name, value] of Object.entries({ idleMs, backoffMs, maxBackoffMs })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new RangeError(`Cannot claim sagas: ${name} must be a number from 0, got ${value}`);
  }
  return { leaseMs: sagaLeaseMsOf(options), limit, idleMs, backoffMs, maxBackoffMs };
}

/** For how long beyond its lease a saga is left alone that was claimed `attempts` times and did not get on. */
export function sagaBackoffMs(
  attempts: number,
  { backoffMs, maxBackoffMs }: Pick<SagaClaimNumbers, "backoffMs" | "maxBackoffMs">,
): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(attempts - 1, 30));
}

/**
 * The checked `limit` and `minAgeMs` of a list of sagas.
 *
 * @throws {RangeError} If one is out of its range.
 */
export function sagaListNumbersOf(
  { limit = 100, minAgeMs = 0 }: SagaFilter,
): { readonly limit: number; readonly minAgeMs: number } {
  checkLimit("list sagas", limit);
  if (!(Number.isFinite(minAgeMs) && minAgeMs >= 0)) {
    throw new RangeError(`Cannot list sagas: minAgeMs must be a number from 0, got ${minAgeMs}`);
  }
  return { limit, minAgeMs };
}

/** All statuses. */
export const SAGA_STATUSES: readonly SagaStatus[] = [
  "running",
  "waiting",
  "compensating",
  "completed",
  "compensated",
  "failed",
];

/** Whether a saga has ended. */
export function hasSagaEnded({ status }: Pick<SagaRecord, "status">): boolean {
  return status === "completed" || status === "compensated" || status === "failed";
}

function checkLimit(action: string, limit: number): void {
  if (Number.isInteger(limit) && limit > 0 && limit <= 1_000) return;
  throw new RangeError(`Cannot ${action}: limit must be an integer from 1 to 1,000, got ${limit}`);
}
