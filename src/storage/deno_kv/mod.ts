/**
 * A storage on Deno KV.
 *
 * @module
 */

export type {
  DenoKv,
  DenoKvAtomic,
  DenoKvEntry,
  DenoKvEntryMaybe,
  DenoKvKey,
  DenoKvKeyPart,
  DenoKvListOptions,
  DenoKvNoEntry,
  DenoKvSelector,
} from "./deno_kv.ts";
export { denoKvStorage, type DenoKvStorageOptions } from "./deno_kv_storage.ts";
export type { DenoKvTransaction } from "./kv_transaction.ts";
export type { DenoKvBudget } from "./transaction_budget.ts";
export type { DenoKvTransactionClient, DenoKvTransactionEntry } from "./transaction_client.ts";
export { type DenoKvLimit, TransactionTooLargeError } from "./transaction_errors.ts";
