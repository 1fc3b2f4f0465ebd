import type { HonoRequest } from "hono";
import { forbiddenKey, invalidJson, readJson } from "./json_body.ts";
import { DEFAULT_MAX_BODY_BYTES, type RouteOptions } from "./route_options.ts";

/** What a request brings. Nothing of it is read before it is asked for, and its members may be taken out. */
export interface RouteInput {
  /** The path's parameters; those that the option `params` names, if it is given. */
  readonly params: Readonly<Record<string, string>>;
  /** The query's parameters; one that is given several times is an array. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Resolves to the body, read as JSON, and to `undefined` if there is none. It is read once.
   *
   * Refused, and answered with a fitting status, are bodies that are larger than `maxBodyBytes`, of
   * another type than JSON, not in UTF-8, nested deeper than 256 levels, and those with a key
   * `__proto__`.
   */
  readonly json: () => Promise<unknown>;
  /**
   * Resolves to the data that the message has where no function gives it, with members of the server's
   * own, such as who is signed in; they win over all others.
   *
   * A body that is no object is refused (`invalid_json`).
   */
  readonly dataWith: (members: Readonly<Record<string, unknown>>) => Promise<object>;
}

/** Gives access to what a request brings. */
export function routeInput(req: HonoRequest, options: RouteOptions): RouteInput {
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, params } = options;
  let body: Promise<unknown> | undefined;
  const input: RouteInput = {
    get params() {
      const all: Record<string, string> = req.param();
      if (params === undefined) return all;
      return Object.fromEntries(Object.entries(all).filter(([name]) => params.includes(name)));
    },
    get query() {
      return readQuery(req);
    },
    json: () => body ??= readJson(req, maxBodyBytes),
    async dataWith(members) {
      const data = await dataOfRequest(req.method, input);
      if (typeof data !== "object" || data === null || Array.isArray(data)) {
        throw invalidJson("The body of the request is no object");
      }
      return { ...data, ...members };
    },
  };
  return input;
}

function readQuery(req: HonoRequest): Record<string, string | readonly string[]> {
  const entries = Object.entries(req.queries()).map(([key, values]) => {
    if (key === "__proto__") throw forbiddenKey();
    const [first = ""] = values;
    return [key, values.length === 1 ? first : values] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * The data of a request for which nothing else is said: the path's parameters over the query's, or
 * over the body. So the URL decides what is acted upon, whatever the body says.
 */
export async function dataOfRequest(method: string, input: RouteInput): Promise<unknown> {
  if (method === "GET" || method === "HEAD" || method === "DELETE") {
    return { ...input.query, ...input.params };
  }
  const body = await input.json();
  if (body === undefined) return { ...input.params };
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return { ...body, ...input.params };
}
