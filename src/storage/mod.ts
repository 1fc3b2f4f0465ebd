/**
 * What outlives a process: a storage is one database, configured once, that holds messages on their
 * way to the broker, sagas, and the runs of streams. Here are its ports, and one in memory.
 *
 * @module
 */

export { base64 } from "./base64.ts";
export { decodeEnvelopes, encodeEnvelopes } from "./envelope_bytes.ts";
export { errorText } from "./error_text.ts";
export type {
  BuriedMessage,
  InboxClaim,
  InboxClaimOptions,
  InboxDeadLetter,
  InboxDeadLetterFilter,
  InboxDeadLetters,
  InboxStart,
  InboxStatistics,
  InboxStore,
} from "./inbox_store.ts";
export { anyPartition, laneOf, partitionOf, PARTITIONS } from "./lane.ts";
export {
  leaseMsOf,
  listLimitOf,
  maxCountOf,
  maxRowsOf,
  purgeAgeMsOf,
  purgeLimitOf,
} from "./outbox_numbers.ts";
export {
  LeaseLostError,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
  type OutboxSessionOptions,
} from "./outbox_session.ts";
export type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetters,
  OutboxStatistics,
  OutboxStatisticsOptions,
  OutboxStore,
  PurgeOptions,
} from "./outbox_store.ts";
export { type KnownNotification, type OutboxOptions, OutboxWriter } from "./outbox_writer.ts";
export type { ReplayAnswer, ReplayAsk, ReplayExchange, RunPlace } from "./replay_exchange.ts";
export { firstSagaStep, type SagaLogRow, sagaLogRows, sagaStepStart } from "./saga_log_rows.ts";
export {
  hasSagaEnded,
  SAGA_STATUSES,
  sagaBackoffMs,
  type SagaClaimNumbers,
  sagaClaimNumbersOf,
  sagaLeaseMsOf,
  sagaListNumbersOf,
} from "./saga_numbers.ts";
export type {
  ListedSaga,
  NewSaga,
  NewSagaLogEntry,
  SagaAction,
  SagaChange,
  SagaClaimOptions,
  SagaEntryStatus,
  SagaFilter,
  SagaHold,
  SagaLease,
  SagaLogEntry,
  SagaRecord,
  SagaSignal,
  SagaSnapshot,
  SagaStatistics,
  SagaStatus,
  SagaStore,
} from "./saga_store.ts";
export { SharedReplayLog, type SharedReplayLogOptions } from "./shared_replay_log.ts";
export type { Storage, StorageTransaction } from "./storage.ts";
export {
  ConcurrencyError,
  SchemaVersionError,
  UnknownNotificationError,
} from "./storage_errors.ts";
