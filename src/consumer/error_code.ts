/** The code of an error of this library. */
export function codeOf(error: unknown): unknown {
  return Object(error).code;
}

/** Whether a transaction was not committed as something that it had read was changed meanwhile. */
export function isConflict(error: unknown): boolean {
  return codeOf(error) === "concurrency";
}
