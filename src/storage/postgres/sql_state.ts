/** Tells the codes of Postgres from those of the runtime ("EPIPE"): no class of Postgres begins with E. */
const SQL_STATE = /^[0-9FHPX][0-9A-Z]{4}$/;

/** How deep an error can be wrapped: drivers and query builders do so once each. */
const MAX_DEPTH = 8;

/**
 * Finds the code that Postgres gave to an error (`"23505"`), whichever driver threw it, and also if
 * it was wrapped as the `cause` of another.
 */
export function sqlStateOf(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < MAX_DEPTH && isObject(current); depth++) {
    const { code, fields, cause } = current;
    const found = [code, isObject(fields) ? fields.code : undefined].find(isSqlState);
    if (found !== undefined) return found;
    current = cause;
  }
  return undefined;
}

function isSqlState(value: unknown): value is string {
  return typeof value === "string" && SQL_STATE.test(value);
}

function isObject(value: unknown): value is { code?: unknown; fields?: unknown; cause?: unknown } {
  return typeof value === "object" && value !== null;
}
