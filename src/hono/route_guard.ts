import type { Context, HonoRequest, TypedResponse } from "hono";
import { respondToError } from "./error_answer.ts";
import { problemOfRequest, RefusedRequestError } from "./problem.ts";
import { checkSite } from "./request_site.ts";
import { DEFAULT_MAX_HEADER_BYTES, type RouteOptions } from "./route_options.ts";

/** A response of which the types of the routes say what is in it. */
export type AnyResponse = Response & TypedResponse<never, never, never>;

/** What every route can be told. */
export type GuardOptions = Pick<RouteOptions, "maxHeaderBytes" | "mapError" | "onError">;

/** A handler of Hono, of which the types of the routes say what it takes and gives. */
export type AnyRouteHandler = (c: Context) => Promise<AnyResponse>;

/**
 * Makes a handler of messages, which refuses requests that no route takes and those that any page can
 * have a browser send.
 *
 * @param handle Answers all others. What it throws is answered as an error of the request.
 */
export function guarded(
  options: GuardOptions,
  handle: (c: Context) => Promise<Response>,
): AnyRouteHandler {
  return limited(options, (c) => {
    checkSite(c.req);
    return handle(c);
  });
}

/**
 * Makes a handler that refuses requests which no route takes.
 *
 * @param handle Answers all others. What it throws is answered as an error of the request.
 */
export function limited(
  options: GuardOptions,
  handle: (c: Context) => Promise<Response>,
): AnyRouteHandler {
  const { maxHeaderBytes = DEFAULT_MAX_HEADER_BYTES } = options;
  return async function route(c) {
    try {
      checkHeaders(c.req, maxHeaderBytes);
      return await handle(c) as AnyResponse;
    } catch (error) {
      return respondToError(error, c, problemOfRequest(error), options) as AnyResponse;
    }
  };
}

function checkHeaders({ raw }: HonoRequest, maxBytes: number): void {
  if (maxBytes === Infinity) return;
  let byteCount = 0;
  // Both are made of bytes, one to a character. On Deno this takes a quarter of what an iterator does.
  raw.headers.forEach((value, name) => byteCount += name.length + value.length);
  if (byteCount <= maxBytes) return;
  throw new RefusedRequestError({
    status: 431,
    detail: `The headers of the request are larger than ${maxBytes} bytes`,
    code: "headers_too_large",
  });
}
