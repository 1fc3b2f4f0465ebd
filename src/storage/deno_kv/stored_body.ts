import type { KvDatabase } from "./kv_database.ts";
import { MAX_GET_MANY } from "./limits.ts";

/** Reads a body that has keys of its own; `undefined` if one of them is missing. */
export async function readBody(
  { kv, keys }: KvDatabase,
  place: string,
  chunks: number,
): Promise<Uint8Array | undefined> {
  const all = Array.from({ length: chunks }, (_, n) => keys.body(place, n));
  const parts: Uint8Array[] = [];
  for (let n = 0; n < all.length; n += MAX_GET_MANY) {
    for (const { value } of await kv.getMany(all.slice(n, n + MAX_GET_MANY))) {
      if (!(value instanceof Uint8Array)) return undefined;
      parts.push(value);
    }
  }
  const body = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
