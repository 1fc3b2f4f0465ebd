/**
 * The base of every error that Sluice defines, and the list of their codes.
 *
 * @module
 */

/** The code of every error that Sluice throws; stable across versions, copies of the library and the wire. */
export type SluiceErrorCode =
  | "app_closed"
  | "broker_unavailable"
  | "chain_exhausted"
  | "circuit_open"
  | "concurrency"
  | "connection_lost"
  | "duplicate_handler"
  | "event_cycle"
  | "event_handling"
  | "handler_not_found"
  | "handler_settled"
  | "http_problem"
  | "idempotency_key_missing"
  | "idempotency_mismatch"
  | "idempotency_running"
  | "lease_lost"
  | "message_decode"
  | "message_encode"
  | "message_validation"
  | "no_publisher"
  | "outbox_lag"
  | "provider_not_found"
  | "publish"
  | "replay_log_full"
  | "saga_busy"
  | "saga_failed"
  | "saga_id"
  | "saga_incompatible"
  | "saga_lag"
  | "saga_not_found"
  | "saga_operation"
  | "saga_step"
  | "schema_registry"
  | "schema_version"
  | "slot_lost"
  | "sse_parse"
  | "stream_failure"
  | "stream_gone"
  | "transaction_too_large"
  | "unexpected_response"
  | "unknown_notification";

/**
 * The base class of the conditions that a caller may want to catch. Misuse of
 * the API throws the built-in `TypeError` or `RangeError` instead.
 *
 * Branch on `instanceof` within one copy of the library, on {@linkcode SluiceError.code}
 * across copies, workers or the wire.
 *
 * @example Telling one condition from the others
 * ```ts
 * import { HandlerNotFoundError, SluiceError } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const error: unknown = new HandlerNotFoundError("meeting.join");
 * assert.ok(error instanceof SluiceError);
 * assert.equal(error.code, "handler_not_found");
 * ```
 */
export abstract class SluiceError extends Error {
  /** The literal that names this condition. */
  abstract readonly code: SluiceErrorCode;
  /** The name of the class, written out so that minifiers cannot change it. */
  abstract override readonly name: string;
}
