/** The texts of what steps have failed with tell of the server, so a client reads these. */
const FAILED = "The step could not be done";
const NOT_UNDONE = "The step could not be undone";

/** The data of an item of a saga's progress, without the texts of errors. */
export function serializeItem(item: unknown): string {
  if (typeof item !== "object" || item === null || !("error" in item)) return JSON.stringify(item);
  const isUndoing = "status" in item && item.status === "compensation_failed";
  return JSON.stringify({ ...item, error: isUndoing ? NOT_UNDONE : FAILED });
}
