/**
 * Whether a value is a `Deno.KvU64`, or the one of `npm:@deno/kv`: copying them would make plain
 * objects of them, and there is nothing in them that could change.
 */
export function isKvU64(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Object.getPrototypeOf(value) === Object.prototype) return false;
  const names = Object.getOwnPropertyNames(value);
  return names.length === 1 && "value" in value && typeof value.value === "bigint";
}
