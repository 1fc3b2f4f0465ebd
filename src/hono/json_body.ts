import type { HonoRequest } from "hono";
import { fromReadableStream } from "../stream/mod.ts";
import { RefusedRequestError } from "./problem.ts";

/** `application/json` and what is built on it, with any parameters. */
const JSON_TYPE = /^application\/(?:[\w.!#$&^+-]+\+)?json[\t ]*(?:;|$)/i;

/**
 * How deep arrays and objects may lie in each other. Recursive schemas overflow the stack from
 * 1,500 levels on (measured with zod, valibot and arktype); sensible data comes nowhere near.
 */
const MAX_DEPTH = 256;

/**
 * Reads the body of a request as JSON; `undefined` if there is none.
 *
 * @throws {RefusedRequestError} If it is too large, breaks off or is not JSON.
 */
export async function readJson(req: HonoRequest, maxBodyBytes: number): Promise<unknown> {
  const type = req.header("content-type");
  if (type !== undefined && !JSON_TYPE.test(type)) throw unsupportedMediaType();
  const bytes = await readBytes(req, maxBodyBytes);
  if (bytes.length === 0) return undefined;
  if (type === undefined) throw unsupportedMediaType();
  const value = parseJson(bytes);
  checkShape(value);
  return value;
}

async function readBytes(req: HonoRequest, maxBytes: number): Promise<Uint8Array> {
  if (Number(req.header("content-length") ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  // A middleware may have read the body before; Hono keeps it then.
  if (req.raw.bodyUsed) {
    const bytes = new Uint8Array(await req.arrayBuffer());
    if (bytes.length > maxBytes) throw bodyTooLarge(maxBytes);
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
  if (byteCount > maxBytes) throw bodyTooLarge(maxBytes);
  return concat(chunks, byteCount);
}

function concat(chunks: readonly Uint8Array[], byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalidJson("The body of the request is not JSON in UTF-8", { cause });
  }
}

/**
 * Refuses what does no harm here but may do it further on: a key that exchanges the prototype of
 * the object it is assigned to, and depth that overflows the stack of whoever walks down.
 */
function checkShape(value: unknown): void {
  let level = [value].filter(isObject);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw invalidJson(`The body of the request is nested deeper than ${MAX_DEPTH} levels`);
    }
    const next: object[] = [];
    for (const node of level) {
      if (Object.hasOwn(node, "__proto__")) throw forbiddenKey();
      for (const child of Array.isArray(node) ? node : Object.values(node)) {
        if (isObject(child)) next.push(child);
      }
    }
    level = next;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The body is not JSON, or not of a shape that is accepted. */
export function invalidJson(detail: string, options?: ErrorOptions): RefusedRequestError {
  return new RefusedRequestError({ status: 400, detail, code: "invalid_json" }, options);
}

/** The data has a key that no data has for a good reason. */
export function forbiddenKey(): RefusedRequestError {
  return new RefusedRequestError({
    status: 400,
    detail: 'The key "__proto__" is not accepted',
    code: "forbidden_key",
  });
}

function bodyUnreadable(options: ErrorOptions): RefusedRequestError {
  return new RefusedRequestError({
    status: 400,
    detail: "The body of the request broke off",
    code: "body_unreadable",
  }, options);
}

function bodyTooLarge(maxBytes: number): RefusedRequestError {
  return new RefusedRequestError({
    status: 413,
    detail: `The body of the request is larger than ${maxBytes} bytes`,
    code: "body_too_large",
  });
}

function unsupportedMediaType(): RefusedRequestError {
  return new RefusedRequestError({
    status: 415,
    detail: "The body of the request must be application/json",
    code: "unsupported_media_type",
  });
}
