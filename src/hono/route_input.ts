import type { HonoRequest } from "hono";
import { BODY, readBytes } from "./body_bytes.ts";
import { invalidJson, isObject, readJson } from "./json_body.ts";
import { readQuery, readQueryData } from "./query_data.ts";
import { DEFAULT_MAX_BODY_BYTES, type RouteOptions } from "./route_options.ts";

/**
 * What a request brings. Nothing of it is read before it is asked for, and its members may be taken out.
 *
 * @example A webhook whose signature is verified
 * ```ts
 * import { bootstrap, domainEvent, handlers } from "@sluice/cqrs";
 * import { type RouteData, routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import { HTTPException } from "hono/http-exception";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const Paid = domainEvent("paid", z.object({ id: z.string() }));
 * const paid: string[] = [];
 * const app = bootstrap(handlers().on(Paid, ({ id }) => void paid.push(id)));
 *
 * const secret = new TextEncoder().encode("dGhpcyBpcyBhIHNlY3JldA"); // of the environment, in earnest
 * const hmac = { name: "HMAC", hash: "SHA-256" };
 * const key = await crypto.subtle.importKey("raw", secret, hmac, false, ["sign", "verify"]);
 *
 * const verified: RouteData<object> = async (c, { bytes, json }) => {
 *   const hex = c.req.header("x-signature")?.match(/[\da-f]{2}/g) ?? [];
 *   const signature = Uint8Array.from(hex, (byte) => parseInt(byte, 16));
 *   const isGenuine = await crypto.subtle.verify("HMAC", key, signature, await bytes());
 *   if (!isGenuine) throw new HTTPException(401);
 *   return await json();
 * };
 * const api = new Hono().post("/paid", routes(app).dispatch(Paid, verified));
 *
 * const body = JSON.stringify({ id: "p1" });
 * const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(body));
 * const digits = Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, "0"));
 * const post = (signature: string) =>
 *   api.request("/paid", {
 *     method: "POST",
 *     headers: { "content-type": "application/json", "x-signature": signature },
 *     body,
 *   });
 * assert.equal((await post(digits.join(""))).status, 204);
 * assert.equal((await post("00".repeat(32))).status, 401);
 * assert.deepEqual(paid, ["p1"]);
 * ```
 */
export interface RouteInput {
  /** The path's parameters; those that the option `params` names, if it is given. */
  readonly params: Readonly<Record<string, string>>;
  /**
   * The query's parameters; one that is given several times is an array. One that is called
   * `sluice_data` is a text here, as others are.
   */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Resolves to the body as it was sent, of any type, and to no bytes if there is none. It is read
   * once, also for `json`.
   *
   * Refused, and answered with a fitting status, are bodies that are larger than `maxBodyBytes` and
   * those with a content encoding.
   */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Resolves to the body, read as JSON, and to `undefined` if there is none. It is read once, also for
   * `bytes`.
   *
   * Refused, and answered with a fitting status, are bodies that are larger than `maxBodyBytes`, of
   * another type than JSON, with a content encoding, not in UTF-8, nested deeper than 256 levels, and
   * those with a key `__proto__`.
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
  let body: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let value: Promise<unknown> | undefined;
  const bytes = () => body ??= readBytes(req, maxBodyBytes);
  const input: RouteInput = {
    get params() {
      const all: Record<string, string> = req.param();
      if (params === undefined) return all;
      return Object.fromEntries(Object.entries(all).filter(([name]) => params.includes(name)));
    },
    get query() {
      return readQuery(req);
    },
    bytes,
    json: () => value ??= readJson(req, bytes),
    async dataWith(members) {
      return { ...asObject(await dataOfRequest(req, input, options)), ...members };
    },
  };
  return input;
}

/**
 * The data of a request for which nothing else is said: the path's parameters over the query's, or
 * over the body. So the URL decides what is acted upon, whatever the body says.
 *
 * @throws {RefusedRequestError} If the path's parameters have no place in it, or it cannot be read.
 */
export async function dataOfRequest(
  req: HonoRequest,
  input: RouteInput,
  { maxBodyBytes = DEFAULT_MAX_BODY_BYTES }: RouteOptions,
): Promise<unknown> {
  const { params } = input;
  if (QUERY_METHODS.has(req.method)) return { ...readQueryData(req, maxBodyBytes), ...params };
  const body = await input.json();
  if (body === undefined) return { ...params };
  // Where the path says nothing, the body may be anything.
  return Object.keys(params).length === 0 ? body : { ...asObject(body), ...params };
}

/** The methods whose data is in the query. */
const QUERY_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE"]);

/** The body, to which members can be added. */
function asObject(body: unknown): object {
  if (isObject(body) && !Array.isArray(body)) return body;
  throw invalidJson(`${BODY} is no object`);
}
