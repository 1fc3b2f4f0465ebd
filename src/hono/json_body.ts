import type { HonoRequest } from "hono";
import { BODY } from "./body_bytes.ts";
import { RefusedRequestError } from "./problem.ts";

/** `application/json` and what is built on it, with any parameters. */
const JSON_TYPE = /^application\/(?:[\w.!#$&^+-]+\+)?json[\t ]*(?:;|$)/i;

/**
 * How deep arrays and objects may lie in each other. Recursive schemas overflow the stack from
 * 1,500 levels on (measured with zod, valibot and arktype); sensible data comes nowhere near.
 */
const MAX_DEPTH = 256;

/** Whether a content type is JSON, of which a page cannot have a browser send it unasked. */
export function isJson(type: string | undefined): boolean {
  return type !== undefined && JSON_TYPE.test(type);
}

/**
 * Reads the body of a request as JSON; `undefined` if there is none.
 *
 * @param read Reads the bytes of the body.
 * @throws {RefusedRequestError} If it is not JSON or not of a shape that is accepted.
 */
export async function readJson(
  req: HonoRequest,
  read: () => Promise<Uint8Array>,
): Promise<unknown> {
  const type = req.header("content-type");
  if (type !== undefined && !isJson(type)) throw unsupportedMediaType();
  const bytes = await read();
  if (bytes.length === 0) return undefined;
  if (type === undefined) throw unsupportedMediaType();
  return parseJson(bytes, BODY);
}

/**
 * Parses JSON from outside.
 *
 * @param what Names it in errors.
 * @throws {RefusedRequestError} If it is not JSON or not of a shape that is accepted.
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  const value = decode(bytes, what);
  checkShape(value, what);
  return value;
}

function decode(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalidJson(`${what} is not JSON in UTF-8`, { cause });
  }
}

/**
 * Refuses what does no harm here but may do it further on: a key that exchanges the prototype of
 * the object it is assigned to, and depth that overflows the stack of whoever walks down.
 */
function checkShape(value: unknown, what: string): void {
  let level = [value].filter(isObject);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw invalidJson(`${what} is nested deeper than ${MAX_DEPTH} levels`);
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

/** Whether a value is an object or an array. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** What should be JSON is not, or not of a shape that is accepted. */
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

function unsupportedMediaType(): RefusedRequestError {
  return new RefusedRequestError({
    status: 415,
    detail: `${BODY} must be application/json`,
    code: "unsupported_media_type",
  });
}
