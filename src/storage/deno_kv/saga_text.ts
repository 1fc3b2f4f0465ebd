import type { DenoKvKey } from "./deno_kv.ts";
import type { SagaTextName } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { CHUNK_BYTES, MAX_GET_MANY } from "./limits.ts";
import type { Write } from "./writes.ts";

/** A text of a saga as it is kept in an entry: as it is, or how many keys of its own it has. */
export type SagaText = string | { readonly number: number; readonly chunks: number };

/** How long a text may be that is kept in an entry, which is written anew whenever the saga is. */
const MAX_INLINE_LENGTH = 16_384;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Keeps a text of the saga with an id: what stands in its entry, and the keys of its own that are to
 * be written with that.
 */
export function keptText(
  { keys }: KvDatabase,
  id: string,
  name: SagaTextName,
  text: string,
): { readonly kept: SagaText; readonly writes: readonly Write[] } {
  if (text.length <= MAX_INLINE_LENGTH) return { kept: text, writes: [] };
  const bytes = encoder.encode(text);
  const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
  const writes = Array.from({ length: chunks }, (_, n) => ({
    key: keys.sagaText(id, name, n),
    value: bytes.slice(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES), // a view would be stored with all of it
  }));
  return { kept: { number: name.number, chunks }, writes };
}

/** The keys of its own that a text has. */
export function textKeysOf(
  { keys }: KvDatabase,
  id: string,
  kind: SagaTextName["kind"],
  text: SagaText | undefined,
): DenoKvKey[] {
  if (typeof text !== "object") return [];
  const { number, chunks } = text;
  return Array.from({ length: chunks }, (_, n) => keys.sagaText(id, { kind, number }, n));
}

/** Reads a text; `undefined` if it is gone. */
export async function readText(
  database: KvDatabase,
  id: string,
  kind: SagaTextName["kind"],
  text: SagaText,
): Promise<string | undefined> {
  if (typeof text === "string") return text;
  const all = textKeysOf(database, id, kind, text);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let n = 0; n < all.length; n += MAX_GET_MANY) {
    for (const { value } of await database.kv.getMany(all.slice(n, n + MAX_GET_MANY))) {
      if (!(value instanceof Uint8Array)) return undefined;
      parts.push(value as Uint8Array<ArrayBuffer>);
    }
  }
  return decoder.decode(await new Blob(parts).arrayBuffer());
}

/** Whether a value is a text as it is kept. */
export function isSagaText(value: unknown): value is SagaText {
  const { number, chunks } = Object(value);
  return typeof value === "string" || (typeof number === "number" && typeof chunks === "number");
}
