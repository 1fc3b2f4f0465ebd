import type { Env } from "hono";
import type { Tick, TickReport } from "../background/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ProblemResponse, ResultResponse } from "./client_types.ts";
import { reportError, respondToError } from "./error_answer.ts";
import { RefusedRequestError } from "./problem.ts";
import { limited } from "./route_guard.ts";
import type { RouteHandler, ValidatedInput } from "./route_message.ts";
import { methodNotAllowed } from "./route_method.ts";
import type { RouteOptions } from "./route_options.ts";
import { secretCheck, unauthorized } from "./secret.ts";
import { respondWithResult } from "./send_route.ts";
import { TickLimit } from "./tick_limit.ts";

/** How a tick is run for a request. */
export interface TickRouteOptions
  extends Pick<RouteOptions, "maxHeaderBytes" | "mapError" | "onError"> {
  /**
   * What a request has to bring as `Authorization: Bearer <secret>`: at least 16 characters, printable
   * ASCII without blanks. While one is exchanged for another, both.
   */
  readonly secret: string | readonly string[];
  /**
   * How long a tick goes on beginning work, in milliseconds. It should be well below what the caller
   * and the platform wait for an answer. With 0 it does no more than it can begin at once; `Infinity`
   * is refused, as a request ends.
   *
   * @default {20_000}
   */
  readonly budgetMs?: number;
  /**
   * How long the tick then has to finish what it has begun, in milliseconds, before its signal aborts
   * and the request is answered with 504 (`tick_timeout`). With 0 that is as soon as the budget is
   * spent; `Infinity` is refused.
   *
   * @default {5_000}
   */
  readonly graceMs?: number;
  /** The clock of the limit. @default {systemClock} */
  readonly clock?: Clock;
}

/** A handler of Hono that answers with a report. */
export type TickHandler<R extends TickReport> = RouteHandler<
  Env,
  ValidatedInput,
  ResultResponse<R> | ProblemResponse
>;

/** A day: no request takes longer. */
const MAX_DURATION_MS = 86_400_000;

/**
 * Makes a route that runs one tick of a job in the background, for whatever calls a URL from time to
 * time: a cron service, a queue, an uptime monitor.
 *
 * It answers with the report of the tick as JSON. A request without the secret is answered with 401
 * (`unauthorized`), whether it brings another one or none. One tick runs at a time in a process: a
 * request that comes meanwhile is answered with 409 (`tick_running`), not queued, and `Retry-After`
 * says when the tick is over at the latest. What a tick throws is answered as other routes do. `HEAD`
 * and `OPTIONS` run nothing and are answered with 405.
 *
 * The signal of the tick aborts when its time is over or when the client leaves, and what it throws
 * then is told to `onError` unless it is the reason itself. A tick that does not obey its signal is
 * left behind, but no other begins before it has ended. (Deno writes one warning to the console that
 * its request signals also abort after a success; here nobody listens any more by then.)
 *
 * @throws {TypeError} If there is no secret, or one is no text.
 * @throws {RangeError} If an option is out of its range, or a secret too short.
 *
 * @example A job that a cron service drives
 * ```ts
 * import { tickRoute } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 *
 * const secret = "dGhpcyBpcyBhIHNlY3JldA"; // of the environment, in earnest
 * const purge = { tick: () => Promise.resolve({ hasMore: false, deleted: 3 }) };
 * const api = new Hono().post("/tick/purge", tickRoute(purge, { secret, budgetMs: 10_000 }));
 *
 * const response = await api.request("/tick/purge", {
 *   method: "POST",
 *   headers: { authorization: `Bearer ${secret}` },
 * });
 * assert.deepEqual(await response.json(), { hasMore: false, deleted: 3 });
 * assert.equal((await api.request("/tick/purge", { method: "POST" })).status, 401);
 * ```
 */
export function tickRoute<R extends TickReport>(
  job: Tick<R>,
  options: TickRouteOptions,
): TickHandler<R> {
  const { budgetMs = 20_000, graceMs = 5_000, clock = systemClock } = options;
  checkDuration("budgetMs", budgetMs);
  checkDuration("graceMs", graceMs);
  const isAuthorized = secretCheck(options.secret);
  const limitMs = budgetMs + graceMs;
  let endMs: number | undefined;
  const handler = limited(options, async (c) => {
    c.header("cache-control", "no-store");
    if (!await isAuthorized(c.req)) throw unauthorized();
    if (IDLE_METHODS.has(c.req.method)) throw methodNotAllowed(c.req.method, "GET, POST");
    if (endMs !== undefined) throw tickRunning(endMs - clock.now());
    endMs = clock.now() + limitMs;
    const limit = new TickLimit(c.req.raw.signal, limitMs, clock);
    const tick = (async () => await job.tick({ budgetMs, signal: limit.signal }))();
    tick.catch((error) => {
      if (limit.isLate(error)) reportError(error, c, options);
    }).finally(() => endMs = undefined);
    try {
      return respondWithResult(c, await limit.race(tick));
    } catch (error) {
      return respondToError(error, c, limit.problemOf(error), options);
    }
  });
  return handler as TickHandler<R>;
}

/** The methods that run nothing: nobody expects it of them. */
const IDLE_METHODS: ReadonlySet<string> = new Set(["HEAD", "OPTIONS", "TRACE"]);

function tickRunning(leftMs: number): RefusedRequestError {
  // A tick that does not obey its signal is late already.
  const seconds = Math.max(1, Math.ceil(leftMs / 1_000));
  return new RefusedRequestError({
    status: 409,
    detail: "A tick is running",
    code: "tick_running",
  }, { headers: { "retry-after": String(seconds) } });
}

function checkDuration(option: string, durationMs: number): void {
  if (durationMs >= 0 && durationMs <= MAX_DURATION_MS) return;
  throw new RangeError(
    `Cannot make a tick route: ${option} must be from 0 to ${MAX_DURATION_MS}, got ${durationMs}`,
  );
}
