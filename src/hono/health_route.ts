import type { Context, Env, TypedResponse } from "hono";
import { type Clock, systemClock } from "../clock.ts";
import { reportError } from "./error_answer.ts";
import { type CheckOutcome, type HealthCheck, runChecks } from "./health_check.ts";
import { limited } from "./route_guard.ts";
import type { RouteHandler, ValidatedInput } from "./route_message.ts";
import type { RouteOptions } from "./route_options.ts";
import { secretCheck } from "./secret.ts";

/** How checks are made and shown. */
export interface HealthRouteOptions extends Pick<RouteOptions, "maxHeaderBytes"> {
  /**
   * What a request has to bring as `Authorization: Bearer <secret>` to see details: at least 16
   * characters, printable ASCII without blanks. While one is exchanged for another, both.
   *
   * @default nobody sees details
   */
  readonly secret?: string | readonly string[];
  /**
   * How long a check may take, in milliseconds. 0 and `Infinity` are refused: an answer is expected.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number;
  /**
   * Is told what failed, once for each check. What it throws is ignored.
   *
   * @default nobody is told
   */
  readonly onError?: RouteOptions["onError"];
  /** The clock of the limit, and of the times in details. @default {systemClock} */
  readonly clock?: Clock;
}

/** The state of an application: `application/health+json`, as an Internet-Draft of the IETF describes it. */
export interface HealthReport {
  /** Whether all checks passed. */
  readonly status: "pass" | "fail";
  /** The checks by their names, with one element each. @default none, if there are no checks */
  readonly checks?: Readonly<Record<string, readonly HealthCheckReport[]>>;
}

/** The outcome of one check. What else it has than its status are details. */
export interface HealthCheckReport {
  /** Whether the check passed. */
  readonly status: "pass" | "fail";
  /** How long it took, in milliseconds. */
  readonly observedValue?: number;
  /** The unit of that. */
  readonly observedUnit?: "ms";
  /** When it began, in the form of ISO 8601. */
  readonly time?: string;
  /** The message of what it threw. */
  readonly output?: string;
}

/** What a health route answers, as Hono's client reads it. */
export type HealthResponse = Response & TypedResponse<HealthReport, 200 | 503, "json">;

/** The most that a check can take. */
const MAX_TIMEOUT_MS = 86_400_000;

/**
 * Makes a route that tells whether an application is well: 200 if all checks pass, otherwise 503, in
 * both cases with a {@linkcode HealthReport}. Without checks it tells that the process answers.
 *
 * The checks run at the same time. One that takes too long has failed; its signal aborts, and it is
 * not waited for. Requests that come while checks run share their outcome, so that nobody can have
 * them run more often than they take.
 *
 * The names of the checks and whether they pass are for everybody who can reach the route. How long
 * they took and what they threw is for those who bring the secret.
 *
 * @throws {TypeError} If a check is no function, or a secret no text.
 * @throws {RangeError} If an option is out of its range, or a secret too short.
 *
 * @example Alive, and ready
 * ```ts
 * import { healthRoute } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 *
 * const db = { query: (_sql: string) => Promise.reject(new Error("10.0.0.7 refused")) };
 * const api = new Hono()
 *   .get("/livez", healthRoute())
 *   .get("/readyz", healthRoute({ db: () => db.query("select 1") }, { timeoutMs: 1_000 }));
 *
 * assert.deepEqual(await (await api.request("/livez")).json(), { status: "pass" });
 * const ready = await api.request("/readyz");
 * assert.equal(ready.status, 503);
 * assert.deepEqual(await ready.json(), { status: "fail", checks: { db: [{ status: "fail" }] } });
 * ```
 */
export function healthRoute(
  checks: Readonly<Record<string, HealthCheck>> = {},
  options: HealthRouteOptions = {},
): RouteHandler<Env, ValidatedInput, HealthResponse> {
  const { secret, timeoutMs = 5_000, clock = systemClock } = options;
  checkChecks(checks, timeoutMs);
  const isAuthorized = secret === undefined ? () => false : secretCheck(secret);
  let running: Promise<readonly CheckOutcome[]> | undefined;
  async function run(c: Context): Promise<readonly CheckOutcome[]> {
    try {
      const outcomes = await runChecks(checks, timeoutMs, clock);
      for (const { failure } of outcomes) {
        if (failure !== undefined) reportError(failure.error, c, options);
      }
      return outcomes;
    } finally {
      running = undefined;
    }
  }
  const handler = limited(options, async (c) => {
    const outcomes = await (running ??= run(c));
    const report = reportOf(outcomes, await isAuthorized(c.req));
    return c.body(JSON.stringify(report), report.status === "pass" ? 200 : 503, {
      "content-type": "application/health+json",
      "cache-control": "no-store",
    });
  });
  return handler as RouteHandler<Env, ValidatedInput, HealthResponse>;
}

function checkChecks(checks: Readonly<Record<string, HealthCheck>>, timeoutMs: number): void {
  for (const [name, check] of Object.entries(checks)) {
    if (typeof check === "function") continue;
    throw new TypeError(`Cannot make a health route: the check "${name}" is no function`);
  }
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return;
  throw new RangeError(
    `Cannot make a health route: timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}, got ${timeoutMs}`,
  );
}

function reportOf(outcomes: readonly CheckOutcome[], isDetailed: boolean): HealthReport {
  const status = outcomes.some(({ failure }) => failure !== undefined) ? "fail" : "pass";
  if (outcomes.length === 0) return { status };
  const checks = outcomes.map((outcome) => [outcome.name, [reportOfCheck(outcome, isDetailed)]]);
  return { status, checks: Object.fromEntries(checks) };
}

function reportOfCheck(
  { failure, startMs, durationMs }: CheckOutcome,
  isDetailed: boolean,
): HealthCheckReport {
  const status = failure === undefined ? "pass" : "fail";
  if (!isDetailed) return { status };
  return {
    status,
    observedValue: durationMs,
    observedUnit: "ms",
    time: new Date(startMs).toISOString(),
    ...failure && { output: textOf(failure.error) },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error;
}
