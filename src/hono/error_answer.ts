import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ReplayLogFullError } from "../stream/mod.ts";
import {
  encodeProblem,
  INTERNAL_PROBLEM,
  type Problem,
  RefusedRequestError,
  retryAfterOf,
} from "./problem.ts";
import type { RouteOptions } from "./route_options.ts";

/** What the answer to an error depends on. */
export type AnswerOptions = Pick<RouteOptions, "mapError" | "onError">;

/** The response to an error of which a client may know `problem`. */
export function respondToError(
  error: unknown,
  c: Context,
  problem: Problem,
  options: AnswerOptions,
): Response {
  return decide(error, c, problem, options, (answer) =>
    // Through the context, so that the headers which middlewares have set are kept.
    answer instanceof Response ? c.newResponse(answer.body, answer) : c.body(
      encodeProblem(answer),
      answer.status as ContentfulStatusCode,
      { ...headersOf(error, answer.status), "content-type": "application/problem+json" },
    ));
}

/** After how many seconds a client may find room for a stream where there was none. */
const RETRY_AFTER = "5";

/** What an answer of this status has to say beside its body. */
function headersOf(error: unknown, status: number): Readonly<Record<string, string>> {
  if (error instanceof RefusedRequestError && error.problem.status === status) return error.headers;
  if (error instanceof ReplayLogFullError && status === 503) return { "retry-after": RETRY_AFTER };
  const retryAfter = status === 409 ? retryAfterOf(error) : undefined;
  return retryAfter === undefined ? {} : { "retry-after": retryAfter };
}

/** The same answer as a JSON text, for when the status and the headers have left already. */
export function describeError(
  error: unknown,
  c: Context,
  problem: Problem,
  options: AnswerOptions,
): string {
  return decide(
    error,
    c,
    problem,
    options,
    (answer) => encodeProblem(answer instanceof Response ? { status: answer.status } : answer),
  );
}

/** Tells the listener of an error, if there is one. */
export function reportError(error: unknown, c: Context, { onError }: AnswerOptions): void {
  if (onError === undefined) return;
  (async () => await onError(error, c))().catch(() => {}); // documented on `RouteOptions`
}

function decide<T>(
  error: unknown,
  c: Context,
  problem: Problem,
  options: AnswerOptions,
  render: (answer: Problem | Response) => T,
): T {
  try {
    const answer = options.mapError?.(error, c, problem) ?? responseOf(error) ?? problem;
    const rendered = render(answer);
    if (answer.status >= 500) reportError(error, c, options);
    return rendered;
  } catch (failure) {
    reportError(error, c, options);
    reportError(failure, c, options);
    return render(INTERNAL_PROBLEM);
  }
}

/** The response that an error brings along: by its structure, as there may be several copies of Hono. */
function responseOf(error: unknown): Response | undefined {
  if (typeof error !== "object" || error === null || !("getResponse" in error)) return undefined;
  return typeof error.getResponse === "function" ? error.getResponse() : undefined;
}
