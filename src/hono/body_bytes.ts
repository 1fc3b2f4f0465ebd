import type { HonoRequest } from "hono";
import { fromReadableStream } from "../stream/mod.ts";
import { RefusedRequestError } from "./problem.ts";

/** How errors call the body of a request. */
export const BODY = "The body of the request";

/**
 * Reads the body of a request, which is empty if there is none.
 *
 * @throws {RefusedRequestError} If it is too large, breaks off or has a content encoding.
 */
export async function readBytes(
  req: HonoRequest,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = req.header("content-encoding") || "identity";
  if (encoding.toLowerCase() !== "identity") throw unsupportedEncoding();
  if (Number(req.header("content-length") ?? 0) > maxBytes) throw tooLarge(BODY, maxBytes);
  // A middleware may have read the body before; Hono keeps it then.
  if (req.raw.bodyUsed) {
    const bytes = new Uint8Array(await req.arrayBuffer());
    if (bytes.length > maxBytes) throw tooLarge(BODY, maxBytes);
    return bytes;
  }
  if (req.raw.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  try {
    for await (const chunk of fromReadableStream(req.raw.body)) {
      byteCount += chunk.length;
      if (byteCount > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw bodyUnreadable({ cause });
  }
  if (byteCount > maxBytes) throw tooLarge(BODY, maxBytes);
  return concat(chunks, byteCount);
}

function concat(chunks: readonly Uint8Array[], byteCount: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** What a request brings is larger than is accepted. */
export function tooLarge(what: string, maxBytes: number): RefusedRequestError {
  return new RefusedRequestError({
    status: 413,
    detail: `${what} is larger than ${maxBytes} bytes`,
    code: "body_too_large",
  });
}

function bodyUnreadable(options: ErrorOptions): RefusedRequestError {
  return new RefusedRequestError({
    status: 400,
    detail: `${BODY} broke off`,
    code: "body_unreadable",
  }, options);
}

function unsupportedEncoding(): RefusedRequestError {
  return new RefusedRequestError({
    status: 415,
    detail: `${BODY} must have no content encoding`,
    code: "unsupported_media_type",
  }, { headers: { "accept-encoding": "identity" } });
}
