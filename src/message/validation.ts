import { SluiceError } from "../errors.ts";
import type { SchemaIssue, StandardSchema } from "./schema.ts";

/** What is wrong with one place of some data. */
export interface ValidationIssue {
  /** The description that the schema gives. */
  readonly message: string;
  /** The way to the place, from the outermost key inwards; empty for the data as a whole. */
  readonly path: ReadonlyArray<string | number>;
}

/** Data from outside does not fit the schema of its message. */
export class MessageValidationError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "MessageValidationError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "message_validation";
  /** The type of the message that the data was meant for. */
  readonly messageType: string;
  /** What is wrong, and where; at least one. */
  readonly issues: readonly ValidationIssue[];

  /** Creates the error from what the schema found. */
  constructor(messageType: string, issues: readonly ValidationIssue[], options?: ErrorOptions) {
    const [first] = issues;
    const where = first === undefined || first.path.length === 0
      ? ""
      : ` at "${first.path.join(".")}"`;
    const more = issues.length > 1 ? ` and ${issues.length - 1} more` : "";
    super(
      `Cannot accept data of "${messageType}"${where}: ${first?.message ?? "invalid"}${more}`,
      options,
    );
    this.messageType = messageType;
    this.issues = issues;
  }
}

/**
 * Resolves to what `schema` makes of `data`.
 *
 * @throws {MessageValidationError} If the data does not fit.
 */
export async function validate<Output>(
  messageType: string,
  schema: StandardSchema<unknown, Output>,
  data: unknown,
): Promise<Output> {
  const result = await schema["~standard"].validate(data);
  if (result.issues === undefined) return result.value;
  throw new MessageValidationError(messageType, result.issues.map(toValidationIssue));
}

function toValidationIssue({ message, path = [] }: SchemaIssue): ValidationIssue {
  // Not `path.map`: a path may be an instance of a subclass of Array.
  return { message, path: Array.from(path, keyOf) };
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "symbol" ? String(key) : key;
}
