/**
 * A storage in the memory of this process: the simplest true implementation of the port.
 *
 * @module
 */

export { memoryStorage, type MemoryStorageOptions } from "./memory_storage.ts";
export type { MemoryClient, MemoryTransaction } from "./memory_transaction.ts";
