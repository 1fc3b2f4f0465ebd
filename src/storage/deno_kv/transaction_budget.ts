import type { DenoKvKey } from "./deno_kv.ts";
import { keySize } from "./key_size.ts";
import {
  MAX_CHECKS,
  MAX_KEY_BYTES,
  MAX_MUTATIONS,
  MAX_TOTAL_BYTES,
  MAX_TOTAL_KEY_BYTES,
  MAX_VALUE_BYTES,
} from "./limits.ts";
import { TransactionTooLargeError } from "./transaction_errors.ts";

/** How much there is of everything that a commit of Deno KV has limits for. */
export interface DenoKvBudget {
  /** Keys that are read. */
  readonly checks: number;
  /** Keys that are written, those of messages included. */
  readonly mutations: number;
  /** Bytes of everything, as an upper bound. */
  readonly totalBytes: number;
  /** Bytes of the keys that are written. */
  readonly totalKeyBytes: number;
}

/** What one commit may have. */
export const COMMIT_BUDGET: DenoKvBudget = {
  checks: MAX_CHECKS,
  mutations: MAX_MUTATIONS,
  totalBytes: MAX_TOTAL_BYTES,
  totalKeyBytes: MAX_TOTAL_KEY_BYTES,
};

const NOTHING: DenoKvBudget = { checks: 0, mutations: 0, totalBytes: 0, totalKeyBytes: 0 };

/** What reading a key in a transaction costs. */
export function costOfCheck(key: DenoKvKey): DenoKvBudget {
  return { ...NOTHING, checks: 1, totalBytes: checkedKeySize(key) };
}

/** What deleting a key costs. */
export function costOfDelete(key: DenoKvKey): DenoKvBudget {
  const bytes = checkedKeySize(key);
  return { ...NOTHING, mutations: 1, totalBytes: bytes, totalKeyBytes: bytes };
}

/**
 * What setting a key costs.
 *
 * @throws {TransactionTooLargeError} If the value or the key is too large in any transaction.
 */
export function costOfSet(key: DenoKvKey, valueBytes: number): DenoKvBudget {
  if (valueBytes > MAX_VALUE_BYTES) {
    throw new TransactionTooLargeError("valueBytes", MAX_VALUE_BYTES, { attempted: valueBytes });
  }
  const bytes = checkedKeySize(key);
  return {
    checks: 0,
    mutations: 1,
    totalBytes: 2 * bytes + valueBytes,
    totalKeyBytes: bytes,
  };
}

/** What more bytes under a key cost that is set anyway. */
export function costOfMore(bytes: number): DenoKvBudget {
  return { ...NOTHING, totalBytes: bytes };
}

/** The sum of costs. */
export function sumOf(costs: Iterable<DenoKvBudget>): DenoKvBudget {
  let { checks, mutations, totalBytes, totalKeyBytes } = NOTHING;
  for (const cost of costs) {
    checks += cost.checks;
    mutations += cost.mutations;
    totalBytes += cost.totalBytes;
    totalKeyBytes += cost.totalKeyBytes;
  }
  return { checks, mutations, totalBytes, totalKeyBytes };
}

/** Counts what goes into one commit. */
export class TransactionBudget {
  #used: DenoKvBudget = NOTHING;

  /** What can be spent still. */
  get remaining(): DenoKvBudget {
    const { checks, mutations, totalBytes, totalKeyBytes } = this.#used;
    return {
      checks: COMMIT_BUDGET.checks - checks,
      mutations: COMMIT_BUDGET.mutations - mutations,
      totalBytes: COMMIT_BUDGET.totalBytes - totalBytes,
      totalKeyBytes: COMMIT_BUDGET.totalKeyBytes - totalKeyBytes,
    };
  }

  /**
   * Takes as much.
   *
   * @throws {TransactionTooLargeError} If there is not as much left; nothing is taken then.
   */
  spend(costs: DenoKvBudget | readonly DenoKvBudget[]): void {
    const used = sumOf([this.#used].concat(costs));
    const limit = limitOf(used);
    if (limit !== undefined) {
      throw new TransactionTooLargeError(limit, COMMIT_BUDGET[limit], { attempted: used[limit] });
    }
    this.#used = used;
  }

  /** Gives back what was taken and is not needed. */
  refund({ checks, mutations, totalBytes, totalKeyBytes }: DenoKvBudget): void {
    this.#used = {
      checks: this.#used.checks - checks,
      mutations: this.#used.mutations - mutations,
      totalBytes: this.#used.totalBytes - totalBytes,
      totalKeyBytes: this.#used.totalKeyBytes - totalKeyBytes,
    };
  }
}

const LIMITS = ["checks", "mutations", "totalBytes", "totalKeyBytes"] as const;

/** The first limit that is exceeded. */
function limitOf(used: DenoKvBudget): typeof LIMITS[number] | undefined {
  return LIMITS.find((limit) => used[limit] > COMMIT_BUDGET[limit]);
}

function checkedKeySize(key: DenoKvKey): number {
  const bytes = keySize(key);
  if (bytes > MAX_KEY_BYTES) {
    throw new TransactionTooLargeError("keyBytes", MAX_KEY_BYTES, { attempted: bytes });
  }
  return bytes;
}
