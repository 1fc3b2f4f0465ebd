import { SluiceError } from "../errors.ts";

/** What was asked for under an idempotency key is being done for somebody else who asked. */
export class IdempotencyRunningError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "IdempotencyRunningError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "idempotency_running";
  /** The key. */
  readonly key: string;
  /** After how many milliseconds it is worth asking again, at the latest. */
  readonly retryAfterMs: number;

  /** Creates the error. */
  constructor(key: string, retryAfterMs: number, options?: ErrorOptions) {
    super(`Cannot begin what key "${key}" stands for as it is under way`, options);
    this.key = key;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An idempotency key was used before, for something else. */
export class IdempotencyMismatchError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "IdempotencyMismatchError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "idempotency_mismatch";
  /** The key. */
  readonly key: string;

  /** Creates the error. */
  constructor(key: string, options?: ErrorOptions) {
    super(`Cannot use key "${key}" again as it stands for other data`, options);
    this.key = key;
  }
}

/** A message that has to bring an idempotency key brings none. */
export class IdempotencyKeyMissingError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "IdempotencyKeyMissingError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "idempotency_key_missing";
  /** The type of the message. */
  readonly messageType: string;

  /** Creates the error. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot handle "${messageType}" without an idempotency key`, options);
    this.messageType = messageType;
  }
}
