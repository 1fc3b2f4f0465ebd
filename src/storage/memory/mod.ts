/**
 * Everything that outlives a process stands behind one port: a storage is a database, configured
 * once, that holds messages on their way to the broker and the runs of streams. Here are the port, what
 * an implementation of one's own can be made of, and a storage in memory, the simplest that keeps all
 * promises; those on databases have entry points of their own.
 *
 * What memory holds ends with the process. It is for tests, and for programs that can do without it.
 *
 * @example Data and messages in one transaction
 * ```ts
 * import { notification, type } from "@sluice/cqrs";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Renamed = notification("user.renamed", { topic: "users", data: type<{ name: string }>() });
 * const storage = memoryStorage();
 * await storage.transaction(async (tx) => {
 *   tx.client.set("name", "Ada");
 *   await storage.outbox.append(tx, [Renamed({ name: "Ada" })]);
 * });
 * assert.equal((await storage.outbox.statistics()).pending, 1);
 * ```
 *
 * @module
 */

export {
  anyPartition,
  type BuriedMessage,
  ConcurrencyError,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetters,
  hasSagaEnded,
  type InboxClaim,
  type InboxClaimOptions,
  type InboxDeadLetter,
  type InboxDeadLetterFilter,
  type InboxDeadLetters,
  type InboxStart,
  type InboxStatistics,
  type InboxStore,
  type KnownNotification,
  laneOf,
  LeaseLostError,
  leaseMsOf,
  type ListedSaga,
  listLimitOf,
  maxCountOf,
  maxRowsOf,
  type NewSaga,
  type NewSagaLogEntry,
  type OutboxOptions,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
  type OutboxSessionOptions,
  type OutboxStatistics,
  type OutboxStatisticsOptions,
  type OutboxStore,
  OutboxWriter,
  partitionOf,
  PARTITIONS,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
  type SagaAction,
  sagaBackoffMs,
  type SagaChange,
  type SagaClaimNumbers,
  sagaClaimNumbersOf,
  type SagaClaimOptions,
  type SagaEntryStatus,
  type SagaFilter,
  type SagaHold,
  type SagaLease,
  sagaLeaseMsOf,
  sagaListNumbersOf,
  type SagaLogEntry,
  type SagaRecord,
  type SagaSignal,
  type SagaSnapshot,
  type SagaStatistics,
  type SagaStatus,
  type SagaStore,
  SchemaVersionError,
  type Storage,
  type StorageTransaction,
  UnknownNotificationError,
} from "../mod.ts";
export { memoryStorage, type MemoryStorageOptions } from "./memory_storage.ts";
export type { MemoryClient, MemoryTransaction } from "./memory_transaction.ts";
