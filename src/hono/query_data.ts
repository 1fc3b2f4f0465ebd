import type { HonoRequest } from "hono";
import { tooLarge } from "./body_bytes.ts";
import { forbiddenKey, invalidJson, isObject, parseJson } from "./json_body.ts";

/** The parameter of the query that carries data as JSON where it is more than strings. */
const DATA_PARAMETER = "sluice_data";

const WHAT = `The parameter "${DATA_PARAMETER}"`;

/** The parameters of a query; one that is given several times is an array. */
export type Query = Record<string, string | readonly string[]>;

/**
 * Reads the parameters of a query.
 *
 * @throws {RefusedRequestError} If one has a name that no data has for a good reason.
 */
export function readQuery(req: HonoRequest): Query {
  const entries = Object.entries(req.queries()).map(([key, values]) => {
    if (key === "__proto__") throw forbiddenKey();
    const [first = ""] = values;
    return [key, values.length === 1 ? first : values] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Reads the data in a query: the JSON of its parameter `sluice_data`, or else all parameters.
 *
 * @throws {RefusedRequestError} If it is too large or not accepted as a body either, or no object.
 */
export function readQueryData(req: HonoRequest, maxBytes: number): object {
  const [text, ...more] = req.queries(DATA_PARAMETER) ?? [];
  if (text === undefined) return readQuery(req);
  if (more.length > 0) throw invalidJson(`${WHAT} is given more than once`);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > maxBytes) throw tooLarge(WHAT, maxBytes);
  const data = parseJson(bytes, WHAT);
  if (!isObject(data) || Array.isArray(data)) throw invalidJson(`${WHAT} is no object`);
  return data;
}
