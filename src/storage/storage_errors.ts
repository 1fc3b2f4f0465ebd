import { SluiceError } from "../errors.ts";

/** A transaction was not committed, as something that it had read was changed meanwhile. Trying again may succeed. */
export class ConcurrencyError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "ConcurrencyError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "concurrency";

  /** Creates the error. */
  constructor(options?: ErrorOptions) {
    super("Cannot commit as something that was read has been changed meanwhile", options);
  }
}

/** A database was prepared by a newer version of this library, which this one does not understand. */
export class SchemaVersionError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SchemaVersionError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "schema_version";
  /** The version of the schema in the database. */
  readonly found: number;
  /** The newest version that this library knows. */
  readonly supported: number;

  /** Creates the error for a database at version `found`. */
  constructor(found: number, supported: number, options?: ErrorOptions) {
    super(
      `Cannot use the database as its schema has version ${found}: this library knows ${supported}`,
      options,
    );
    this.found = found;
    this.supported = supported;
  }
}

/** A message is none of the notifications that a storage was told. */
export class UnknownNotificationError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "UnknownNotificationError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "unknown_notification";
  /** The name of the message on its topic. */
  readonly wireType: string;
  /** The topic that it was meant for. */
  readonly topic: string;

  /** Creates the error for a message named `wireType` on `topic`. */
  constructor(wireType: string, topic: string, options?: ErrorOptions) {
    super(
      `Cannot store "${wireType}" for topic "${topic}" as it is none of the storage's notifications`,
      options,
    );
    this.wireType = wireType;
    this.topic = topic;
  }
}
