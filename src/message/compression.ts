import type { Envelope } from "./envelope.ts";

/** How bodies are compressed. `deflate` is the zlib format, as HTTP has it. */
export type CompressionFormat = "gzip" | "deflate";

/** How {@linkcode compressBody} compresses. */
export interface CompressionOptions {
  /** The format. @default {"gzip"} */
  readonly format?: CompressionFormat;
  /** Bodies of fewer bytes stay as they are; 0 compresses all. @default {1_024} */
  readonly minBytes?: number;
}

/** The header that says how a body is compressed. Its name is that of HTTP. */
const CONTENT_ENCODING = "content-encoding";

/**
 * Compresses the body of an envelope, and says so in its header `content-encoding`. One that has
 * this header already, or would not get smaller, stays as it is.
 *
 * @example There and back
 * ```ts
 * import { notification, toEnvelope, type } from "@sluice/cqrs";
 * import { jsonCodec } from "@sluice/cqrs";
 * import { compressBody, decompressBody } from "@sluice/cqrs/outbox";
 * import assert from "node:assert/strict";
 *
 * const Noted = notification("noted", { topic: "notes", data: type<{ text: string }>() });
 * const message = Noted({ text: "again ".repeat(1_000) });
 * const envelope = await toEnvelope(message, { codec: jsonCodec(), source: "/" });
 * const small = await compressBody(envelope);
 * assert.equal(small.headers["content-encoding"], "gzip");
 * assert.ok(small.body.length < envelope.body.length / 10);
 * assert.deepEqual(await decompressBody(small), envelope);
 * ```
 */
export async function compressBody(
  envelope: Envelope,
  { format = "gzip", minBytes = 1_024 }: CompressionOptions = {},
): Promise<Envelope> {
  const { body, headers } = envelope;
  if (body.length < minBytes || CONTENT_ENCODING in headers) return envelope;
  const compressed = await transform(body, new CompressionStream(format));
  if (compressed.length >= body.length) return envelope;
  return { ...envelope, headers: { ...headers, [CONTENT_ENCODING]: format }, body: compressed };
}

/**
 * Undoes {@linkcode compressBody}; an envelope that is not compressed stays as it is.
 *
 * @throws {TypeError} If the body is compressed in another way, or broken.
 */
export async function decompressBody(envelope: Envelope): Promise<Envelope> {
  const { [CONTENT_ENCODING]: format, ...headers } = envelope.headers;
  if (format === undefined) return envelope;
  if (format !== "gzip" && format !== "deflate") {
    throw new TypeError(`Cannot decompress a body in the format "${format}"`);
  }
  const body = await transform(envelope.body, new DecompressionStream(format));
  return { ...envelope, headers, body };
}

async function transform(
  body: Uint8Array,
  through: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(body); // streams take no shared memory
  const stream = new Blob([bytes]).stream().pipeThrough(through);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
