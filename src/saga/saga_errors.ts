import { SluiceError } from "../errors.ts";
import type { SagaOutcome, SagaReport } from "../mediator/mod.ts";

/**
 * A saga was not completed: its outcome says where it stands. The `cause` is what its step has thrown, where
 * that was in this process, otherwise a {@linkcode SagaStepError}.
 */
export class SagaFailedError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaFailedError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_failed";
  /** What has become of the saga. */
  readonly outcome: Exclude<SagaOutcome, { readonly status: "completed" }>;

  /** Creates the error for an outcome. */
  constructor(outcome: SagaFailedError["outcome"], options?: ErrorOptions) {
    const { name, id, error, status, parkedReason } = outcome;
    const why = parkedReason === undefined
      ? error ?? "it is not done"
      : `it is parked: ${parkedReason}`;
    super(`Cannot complete saga "${name}" (${id}), which is ${status}, as ${why}`, options);
    this.outcome = outcome;
  }
}

/** What a step has failed with in another process, or before this one was started: only the text is kept. */
export class SagaStepError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaStepError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_step";

  /** Creates the error from what is stored. */
  constructor(text: string, options?: ErrorOptions) {
    super(text, options);
  }
}

/** There is no saga with an id. */
export class SagaNotFoundError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaNotFoundError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_not_found";
  /** The id. */
  readonly sagaId: string;

  /** Creates the error for a saga. */
  constructor(sagaId: string, options?: ErrorOptions) {
    super(`Cannot find saga "${sagaId}"`, options);
    this.sagaId = sagaId;
  }
}

/** Somebody has a saga: it cannot be gone on with or decided about until they leave it, or die. */
export class SagaBusyError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaBusyError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_busy";
  /** The id of the saga. */
  readonly sagaId: string;
  /** For how long they have it at the least, in milliseconds, unless they leave it. */
  readonly leaseLeftMs: number;

  /** Creates the error for a saga. */
  constructor(sagaId: string, leaseLeftMs: number, options?: ErrorOptions) {
    super(`Cannot reach saga "${sagaId}" as somebody goes on with it`, options);
    this.sagaId = sagaId;
    this.leaseLeftMs = leaseLeftMs;
  }
}

/** An operation does not fit where a saga stands. Nothing was changed. */
export class SagaOperationError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaOperationError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_operation";
  /** The id of the saga. */
  readonly sagaId: string;

  /** Creates the error for an operation that cannot be done. */
  constructor(sagaId: string, action: string, reason: string, options?: ErrorOptions) {
    super(`Cannot ${action} saga "${sagaId}" as ${reason}`, options);
    this.sagaId = sagaId;
  }
}

/** The id of a saga is that of another one, with another name. */
export class SagaIdError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaIdError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_id";
  /** The id. */
  readonly sagaId: string;

  /** Creates the error for the start of a saga named `name`. */
  constructor(sagaId: string, name: string, found: string, options?: ErrorOptions) {
    super(`Cannot start saga "${name}" as "${sagaId}" is the id of a saga "${found}"`, options);
    this.sagaId = sagaId;
  }
}

/** A stored log does not fit a definition: the definition was changed in a way that needs another version. */
export class SagaIncompatibleError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SagaIncompatibleError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "saga_incompatible";
  /** What does not fit. */
  readonly reason: string;

  /** Creates the error for a reason. */
  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot go on with the saga as ${reason}`, options);
    this.reason = reason;
  }
}

/** Whether a saga was completed. */
export function isCompleted(outcome: SagaOutcome): outcome is SagaReport<"completed", unknown> {
  return outcome.status === "completed";
}
