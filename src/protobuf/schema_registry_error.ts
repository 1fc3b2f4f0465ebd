import { SluiceError } from "../errors.ts";

/** What {@linkcode SchemaRegistryError} knows of the answer, if there was one. */
export interface SchemaRegistryErrorOptions extends ErrorOptions {
  /** {@inheritDoc SchemaRegistryError.status} */
  readonly status?: number | undefined;
  /** {@inheritDoc SchemaRegistryError.errorCode} */
  readonly errorCode?: number | undefined;
  /** {@inheritDoc SchemaRegistryError.detail} */
  readonly detail?: string | undefined;
}

/**
 * A schema registry does not answer, or not with what it was asked for.
 *
 * A codec that asks one throws this while it encodes or decodes, so it arrives as the `cause` of a
 * `MessageEncodeError` or `MessageDecodeError`. There {@linkcode SchemaRegistryError.isTransient}
 * tells a registry that is away from a message that nobody will ever be able to decode.
 */
export class SchemaRegistryError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SchemaRegistryError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "schema_registry";
  /** The status of the response; `undefined` if none came. */
  readonly status: number | undefined;
  /** The registry's own code, such as 40403 for a schema that it does not have; `undefined` if it gave none. */
  readonly errorCode: number | undefined;
  /** What the registry says of it; `undefined` if it says nothing. */
  readonly detail: string | undefined;

  /** Creates the error; `action` is what was asked of the registry, in the words that follow "Cannot". */
  constructor(action: string, options: SchemaRegistryErrorOptions = {}) {
    const { status, errorCode, detail } = options;
    const code = errorCode === undefined ? "" : ` and the code ${errorCode}`;
    const state = status === undefined
      ? "as the schema registry does not answer"
      : `as the schema registry answers with the status ${status}${code}`;
    super(`Cannot ${action} ${state}`, options);
    this.status = status;
    this.errorCode = errorCode;
    this.detail = detail;
  }

  /** Whether the same request may succeed later: no answer came, or one with the status 408, 429 or from 500 on. */
  get isTransient(): boolean {
    const { status } = this;
    return status === undefined || status === 408 || status === 429 || status >= 500;
  }
}
