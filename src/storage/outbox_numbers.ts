import type { OutboxSessionOptions } from "./outbox_session.ts";
import type { DeadLetterFilter, OutboxStatisticsOptions, PurgeOptions } from "./outbox_store.ts";

/**
 * The checked `leaseMs` of a session.
 *
 * @throws {RangeError} If it is not a finite number above 0.
 */
export function leaseMsOf({ leaseMs }: Pick<OutboxSessionOptions, "leaseMs">): number {
  const isRight = Number.isFinite(leaseMs) && leaseMs > 0;
  return checked("open a session", "leaseMs", leaseMs, isRight, "a number above 0");
}

/**
 * The checked argument of `read` of a session.
 *
 * @throws {RangeError} If it is not a positive integer.
 */
export function maxRowsOf(maxRows: number): number {
  return checked("read", "maxRows", maxRows, isCount(maxRows), "a positive integer");
}

/**
 * The checked `limit` of a list of dead letters; 100 if there is none.
 *
 * @throws {RangeError} If it is not an integer from 1 to 1,000.
 */
export function listLimitOf({ limit = 100 }: Pick<DeadLetterFilter, "limit">): number {
  const isRight = isCount(limit) && limit <= 1_000;
  return checked("list dead letters", "limit", limit, isRight, "an integer from 1 to 1,000");
}

/**
 * The checked `maxCount` of statistics; 10,000 if there is none.
 *
 * @throws {RangeError} If it is neither a positive integer nor `Infinity`.
 */
export function maxCountOf({ maxCount = 10_000 }: OutboxStatisticsOptions): number {
  const isRight = isCount(maxCount) || maxCount === Infinity;
  return checked("count", "maxCount", maxCount, isRight, "a positive integer or Infinity");
}

/**
 * The checked `limit` of a purge; 1,000 if there is none.
 *
 * @throws {RangeError} If it is not a positive integer.
 */
export function purgeLimitOf({ limit = 1_000 }: PurgeOptions): number {
  return checked("purge", "limit", limit, isCount(limit), "a positive integer");
}

/**
 * The checked `olderThanMs` of a purge.
 *
 * @throws {RangeError} If it is not a finite number from 0.
 */
export function purgeAgeMsOf({ olderThanMs }: PurgeOptions): number {
  const isRight = Number.isFinite(olderThanMs) && olderThanMs >= 0;
  return checked("purge", "olderThanMs", olderThanMs, isRight, "a number from 0");
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function checked(
  action: string,
  option: string,
  value: number,
  isRight: boolean,
  range: string,
): number {
  if (isRight) return value;
  throw new RangeError(`Cannot ${action}: ${option} must be ${range}, got ${value}`);
}
