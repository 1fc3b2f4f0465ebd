import { SluiceError } from "../../errors.ts";

/**
 * A limit that Deno KV has for one commit, or for what is in it.
 *
 * - `checks`: how many keys a transaction has read.
 * - `mutations`: how many keys it writes, those of messages included.
 * - `totalBytes`: how many bytes all of it has.
 * - `totalKeyBytes`: how many bytes its keys have.
 * - `valueBytes`: how many bytes one value has; of a message, all but its body.
 * - `keyBytes`: how many bytes one key has.
 */
export type DenoKvLimit =
  | "checks"
  | "mutations"
  | "totalBytes"
  | "totalKeyBytes"
  | "valueBytes"
  | "keyBytes";

/** A transaction would be larger than Deno KV commits at once. Nothing of what was refused is in it. */
export class TransactionTooLargeError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "TransactionTooLargeError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "transaction_too_large";
  /** Which limit it would exceed. */
  readonly limit: DenoKvLimit;
  /** What the database takes. */
  readonly max: number;
  /** What there would be, at the most; `undefined` if the database has found it out. */
  readonly attempted: number | undefined;

  /** Creates the error for a limit of `max` that `attempted` would exceed. */
  constructor(
    limit: DenoKvLimit,
    max: number,
    options: ErrorOptions & { readonly attempted?: number } = {},
  ) {
    const { attempted, ...rest } = options;
    const found = attempted === undefined ? "" : `, and it would have up to ${attempted}`;
    super(`Cannot commit so much at once as Deno KV takes ${max} ${UNITS[limit]}${found}`, rest);
    this.limit = limit;
    this.max = max;
    this.attempted = attempted;
  }
}

const UNITS: Readonly<Record<DenoKvLimit, string>> = {
  checks: "checks",
  mutations: "mutations",
  totalBytes: "bytes in all",
  totalKeyBytes: "bytes of keys in all",
  valueBytes: "bytes in a value",
  keyBytes: "bytes in a key",
};

const REFUSALS: ReadonlyArray<readonly [pattern: RegExp, limit: DenoKvLimit]> = [
  [/too many checks \(max (\d+)/i, "checks"],
  [/too many mutations \(max (\d+)/i, "mutations"],
  [/total mutation size too large \(max (\d+)/i, "totalBytes"],
  [/total key size too large \(max (\d+)/i, "totalKeyBytes"],
  [/value too large \(max (\d+)/i, "valueBytes"],
  [/key too large .*\(max (\d+)/i, "keyBytes"],
];

/** The error for what a database has refused as too large; other errors as they are. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  for (const [pattern, limit] of REFUSALS) {
    const max = error.message.match(pattern)?.[1];
    if (max !== undefined) {
      return new TransactionTooLargeError(limit, Number(max), { cause: error });
    }
  }
  return error;
}
