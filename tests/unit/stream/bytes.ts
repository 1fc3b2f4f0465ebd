/** What several tests of this folder do with bytes and chunks. */

/** The UTF-8 bytes of `text`. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** `bytes` in chunks of the given sizes, and what is left over in a last one. */
export async function* inChunks(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array, void> {
  let start = 0;
  for (const size of sizes) yield await Promise.resolve(bytes.slice(start, start += size));
  if (start < bytes.length) yield bytes.slice(start);
}

/** `bytes` in chunks of one byte. */
export function inSingleBytes(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  return inChunks(bytes, new Array(bytes.length).fill(1));
}

/** The text of a chunk that was read. */
export function textOf(result: ReadableStreamReadResult<Uint8Array>): string {
  return new TextDecoder().decode(result.value);
}
