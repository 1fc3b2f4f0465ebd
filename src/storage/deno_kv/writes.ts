import type { DenoKvAtomic, DenoKvKey } from "./deno_kv.ts";
import {
  COMMIT_BUDGET,
  costOfDelete,
  costOfSet,
  type DenoKvBudget,
  sumOf,
} from "./transaction_budget.ts";
import { valueSize } from "./value_size.ts";

/** Sets a key, or deletes it where there is no value. */
export interface Write {
  readonly key: DenoKvKey;
  readonly value?: unknown;
}

/** Writes that have to be done together. */
export type Unit = readonly Write[];

/** Puts writes into an atomic operation. */
export function addWrites(operation: DenoKvAtomic, writes: Iterable<Write>): void {
  for (const { key, value } of writes) {
    if (value === undefined) operation.delete(key);
    else operation.set(key, value);
  }
}

/**
 * Puts units into as few parts as the limits of a commit allow, in their order.
 *
 * @returns Parts that are to be committed one after the other. There is always one.
 */
export function partsOf(units: readonly Unit[]): Write[][] {
  let part: Write[] = [];
  const parts = [part];
  let used = RESERVE;
  for (const unit of units) {
    const cost = sumOf(unit.map(costOf));
    const together = sumOf([used, cost]);
    if (part.length > 0 && !fits(together)) {
      part = [];
      parts.push(part);
      used = sumOf([RESERVE, cost]);
    } else {
      used = together;
    }
    part.push(...unit);
  }
  return parts;
}

/** What a commit needs for the key of the relay and for leases, beside the units. */
const RESERVE: DenoKvBudget = {
  checks: 1,
  mutations: 1,
  totalBytes: 8_192,
  totalKeyBytes: 2_048,
};

function costOf({ key, value }: Write): DenoKvBudget {
  return value === undefined ? costOfDelete(key) : costOfSet(key, valueSize(value));
}

function fits({ mutations, totalBytes, totalKeyBytes }: DenoKvBudget): boolean {
  return mutations <= COMMIT_BUDGET.mutations && totalBytes <= COMMIT_BUDGET.totalBytes &&
    totalKeyBytes <= COMMIT_BUDGET.totalKeyBytes;
}
