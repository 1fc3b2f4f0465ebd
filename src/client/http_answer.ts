import { HttpProblemError, UnexpectedResponseError } from "./client_errors.ts";
import type { Exchange } from "./exchange.ts";
import { parseProblem } from "./problem_details.ts";

/** What is read of an answer that reports an error. */
const MAX_PROBLEM_BYTES = 65_536;

/** The answers that send a request elsewhere. */
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

/**
 * Reads the answer to a request that has failed. Whatever is wrong with it, its status counts.
 *
 * @throws The reason of the call's signal.
 */
export async function readHttpProblem(
  { status, headers }: Response,
  exchange: Exchange,
): Promise<HttpProblemError> {
  const { clock, signal } = exchange.limits;
  const retryAfterMs = parseRetryAfter(headers.get("retry-after") ?? "", clock.now());
  try {
    const problem = parseProblem(await exchange.text(MAX_PROBLEM_BYTES));
    return new HttpProblemError(status, problem, { retryAfterMs });
  } catch (cause) {
    signal?.throwIfAborted();
    return new HttpProblemError(status, {}, { retryAfterMs, cause });
  }
}

/** How long a `Retry-After` asks to wait: a number of seconds, or a date. */
function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const delayMs = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : Math.max(0, Date.parse(value) - nowMs);
  return Number.isNaN(delayMs) ? undefined : Math.min(delayMs, Number.MAX_SAFE_INTEGER);
}

/**
 * Checks that an answer is what was asked for.
 *
 * @throws {UnexpectedResponseError} If it is not.
 */
export function expectType({ status, type, headers }: Response, contentType: string): void {
  // Browsers hide the status of a redirect that they do not follow.
  if (type === "opaqueredirect" || REDIRECT_STATUSES.includes(status)) {
    throw new UnexpectedResponseError(
      "it is a redirect, which is not followed where `headers` are given",
    );
  }
  const [actual = ""] = (headers.get("content-type") ?? "").split(";", 1);
  if (status >= 200 && status < 300 && actual.trim().toLowerCase() === contentType) return;
  throw new UnexpectedResponseError(
    `the status is ${status} and the type "${actual}" instead of "${contentType}"`,
  );
}
