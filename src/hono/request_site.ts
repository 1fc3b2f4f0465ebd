import type { HonoRequest } from "hono";
import { isJson } from "./json_body.ts";
import { RefusedRequestError } from "./problem.ts";
import { mayChange } from "./route_method.ts";

/** What a browser says of a request that a page of the same origin has made, or the user. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

/**
 * Checks that a request which may change something is not one that any page can have a browser send
 * without asking the server before. For JSON the browser asks (CORS preflight), so it passes.
 *
 * @throws {RefusedRequestError} If it is.
 */
export function checkSite(req: HonoRequest): void {
  const site = req.header("sec-fetch-site") ?? "none";
  if (OWN_SITES.has(site) || !mayChange(req.method)) return;
  const type = req.header("content-type");
  // For other methods than POST the browser asks; one with a form's type was a POST before.
  if (type === undefined ? req.method !== "POST" : isJson(type)) return;
  throw new RefusedRequestError({
    status: 403,
    detail: "A request from another origin must be application/json",
    code: "cross_site",
  });
}
