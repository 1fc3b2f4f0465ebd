import type { AnyMessage } from "../message/mod.ts";

/** What a request says: its method, and the data of its message in the URL or in the body. */
export interface RequestContent {
  readonly method: string;
  readonly url: string;
  /** JSON; `null` when there is no data, or when the URL has it. */
  readonly body: string | null;
}

/** The methods that have the data in the URL's query, as the server reads it there. */
const WITHOUT_BODY = ["GET", "DELETE"];

/** The parameter that has data as JSON, in place of one parameter for each member. */
const DATA_PARAMETER = "sluice_data";

/** The names of members that as parameters would mean something else, or nothing, to the server. */
const RESERVED_NAME = /^(sluice_.*|__proto__|)$/s;

/** Half a character, as JSON writes it; a query has no form for it. */
const LONE_SURROGATE = /\\ud[89a-f]/;

/**
 * Puts the data of a message into a request.
 *
 * @throws {TypeError} If the data has no form in JSON.
 */
export function contentOf(
  { type, data }: AnyMessage,
  url: string,
  method: string,
): RequestContent {
  const body = encodeData(type, data);
  if (!WITHOUT_BODY.includes(method)) return { method, url, body };
  return { method, url: body === null ? url : withQuery(url, body), body: null };
}

function encodeData(type: string, data: unknown): string | null {
  if (data === undefined) return null;
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (text === undefined) {
    throw new TypeError(`Cannot write the data of "${type}" as JSON`, { cause });
  }
  return text;
}

/** Adds data to a URL in such a way that the server reads what `json` says. */
function withQuery(url: string, json: string): string {
  const [address = ""] = url.split("#", 1);
  const start = address.indexOf("?");
  const given = new URLSearchParams(start < 0 ? "" : address.slice(start));
  const data: unknown = JSON.parse(json);
  const query = isTexts(data, given) && !LONE_SURROGATE.test(json)
    ? queryOf(data)
    : new URLSearchParams({ [DATA_PARAMETER]: json });
  const text = query.toString();
  return text === "" ? url : `${address}${start < 0 ? "?" : "&"}${text}`;
}

/** Whether data is the same after it has been parameters, beside those that are there already. */
function isTexts(data: unknown, given: URLSearchParams): data is Record<string, string | string[]> {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return false;
  return Object.entries(data).every(([name, value]) => {
    if (RESERVED_NAME.test(name) || given.has(name)) return false;
    if (!Array.isArray(value)) return typeof value === "string";
    return value.length >= 2 && value.every((part) => typeof part === "string");
  });
}

function queryOf(data: Record<string, string | string[]>): URLSearchParams {
  const pairs = Object.entries(data).flatMap(([name, value]) =>
    [value].flat().map((part) => [name, part])
  );
  return new URLSearchParams(pairs);
}
