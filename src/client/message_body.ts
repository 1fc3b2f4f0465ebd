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

/**
 * Puts the data of a message into a request.
 *
 * @throws {TypeError} If the data has no form in JSON, or none in a query that needs one.
 */
export function contentOf(
  { type, data }: AnyMessage,
  url: string,
  method: string,
): RequestContent {
  const body = encodeData(type, data);
  if (!WITHOUT_BODY.includes(method)) return { method, url, body };
  const query = body === null ? "" : encodeQuery(type, JSON.parse(body));
  return { method, url: withQuery(url, query), body: null };
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

/** @param data What JSON makes of the data, so that a body and a query say the same. */
function encodeQuery(type: string, data: unknown): string {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new TypeError(`Cannot write the data of "${type}" as a query: it is no object`);
  }
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(data)) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (typeof part === "object") {
        throw new TypeError(`Cannot write the data of "${type}" as a query: "${name}" is no text`);
      }
      query.append(name, String(part));
    }
  }
  return query.toString();
}

function withQuery(url: string, query: string): string {
  if (query === "") return url;
  const [address = ""] = url.split("#", 1);
  return `${address}${address.includes("?") ? "&" : "?"}${query}`;
}
