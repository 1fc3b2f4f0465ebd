import type { Context } from "hono";
import type { Clock } from "../clock.ts";
import { sseStream } from "../stream/mod.ts";
import type { Problem } from "./problem.ts";

/** How a route reads requests and answers errors. */
export interface RouteOptions {
  /**
   * The most bytes that the body of a request may have; `Infinity` sets no limit. It is kept while
   * the body is read, whatever length the request declares.
   *
   * @default {1_048_576}
   */
  readonly maxBodyBytes?: number;
  /**
   * Decides what a client learns of an error: a problem, a response, or `undefined` for the usual
   * answer. That is `problem`, or the response that the error brings along, as Hono's
   * `HTTPException` does. It is asked about every error, also those of requests that cannot be
   * read. What it throws is answered with the status 500.
   *
   * @default the usual answer
   */
  readonly mapError?:
    | ((error: unknown, c: Context, problem: Problem) => Problem | Response | undefined)
    | undefined;
  /**
   * Is told of every error that is answered with a status of 500 or more, or that nobody is there
   * to be answered: the place for a log. What it throws is ignored.
   *
   * @default nobody is told
   */
  readonly onError?: ((error: unknown, c: Context) => void | Promise<void>) | undefined;
}

/** How a route streams, beside the options that every route has. */
export interface SseRouteOptions extends RouteOptions {
  /**
   * How long the connection may be silent before a comment keeps it alive, in milliseconds. 0 and
   * `Infinity` send none.
   *
   * @default {15_000}
   */
  readonly heartbeatMs?: number;
  /**
   * How long an `EventSource` waits before it reconnects, in milliseconds; 0 means at once.
   *
   * @default {3_000}
   */
  readonly retryMs?: number;
  /** The clock of the heartbeat. @default {systemClock} */
  readonly clock?: Clock;
}

/** @throws {RangeError} If an option is out of its range. */
export function checkRouteOptions(options: SseRouteOptions): void {
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  if (maxBodyBytes !== Infinity && !(Number.isSafeInteger(maxBodyBytes) && maxBodyBytes > 0)) {
    throw new RangeError(
      `Cannot make routes: maxBodyBytes must be a positive integer or Infinity, got ${maxBodyBytes}`,
    );
  }
  // The stream knows its own limits, and this one is never read.
  sseStream(nothing(), options);
}

/** The limit of {@linkcode RouteOptions.maxBodyBytes} where none is given. */
export const DEFAULT_MAX_BODY_BYTES = 1_048_576;

async function* nothing(): AsyncGenerator<never> {}
