import type { Context } from "hono";
import type { Clock } from "../clock.ts";
import type { MessageKind } from "../message/mod.ts";
import { type ReplayLog, sseStream } from "../stream/mod.ts";
import { type EventNames, namesInUse } from "./event_names.ts";
import type { Problem } from "./problem.ts";

/**
 * How a route reads requests and answers errors.
 *
 * @typeParam K The parameters of the path that are named.
 * @typeParam S Whether the message is declared safe.
 */
export interface RouteOptions<K extends string = string, S extends boolean = boolean> {
  /**
   * Whether the message changes nothing that matters, so that `GET`, `HEAD` and `QUERY` may run it.
   * Otherwise they are answered with 405 (`method_not_allowed`) and `Allow: POST`, on any route that
   * they reach. Those methods are used without anybody's intent: by browsers that prefetch, crawlers
   * that follow links, pages of others that name the URL in an `<img>`, and an `EventSource` that
   * connects again.
   *
   * @default {true} for queries, `false` for commands and streaming requests
   */
  readonly safe?: S;
  /**
   * The parameters of the path that are taken. Others, of the path at which the routes are mounted
   * say, are then as if they were not there. Hono's client learns from it what it has to give besides.
   *
   * @default all
   */
  readonly params?: readonly K[];
  /**
   * The most bytes that the names and values of all headers of a request may have; `Infinity` sets
   * no limit beside that of the server. More are answered with 431 (`headers_too_large`).
   *
   * @default {16_384}
   */
  readonly maxHeaderBytes?: number;
  /**
   * The most bytes that the body of a request may have; `Infinity` sets no limit. It is kept while
   * the body is read, whatever length the request declares. It holds for the parameter `sluice_data`
   * of the query too.
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

/**
 * How a route streams, beside the options that every route has.
 *
 * @typeParam I The items.
 * @typeParam K The parameters of the path that are named.
 * @typeParam S Whether the request is declared safe.
 */
export interface SseRouteOptions<
  in I = unknown,
  K extends string = string,
  S extends boolean = boolean,
> extends RouteOptions<K, S> {
  /**
   * Other names for the events. Those of a route are added to those of all routes.
   *
   * @default `start`, `item`, `failure`, `done` and `stream_gone`
   */
  readonly eventNames?: EventNames<I>;
  /**
   * Gives the data of an item, as its schema has left it. Line ends in it all arrive as LF. What it
   * throws ends the run with a failure.
   *
   * @default JSON
   */
  readonly serialize?: (item: I) => string;
  /**
   * Keeps the events of runs, so that a client which lost its connection goes on where it broke off:
   * {@linkcode memoryReplayLog}, say. Then leaving does not cancel a run at once: it goes on for the
   * grace period of the log, and `DELETE` of the run's URL cancels it.
   *
   * @default none: a client that leaves cancels its run, and one that comes back is told `stream_gone`
   */
  readonly replay?: ReplayLog | undefined;
  /**
   * Tells who a client is, so that a run can be resumed and cancelled only by who started it. It is
   * asked each time; for all others there is no such run. `undefined` is nobody in particular.
   *
   * @default nobody in particular: whoever knows a run's random id may resume it
   */
  readonly principal?:
    | ((c: Context) => string | undefined | Promise<string | undefined>)
    | undefined;
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
export function checkRouteOptions<I>(options: SseRouteOptions<I>): void {
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, maxHeaderBytes = DEFAULT_MAX_HEADER_BYTES } =
    options;
  checkLimit("maxBodyBytes", maxBodyBytes);
  checkLimit("maxHeaderBytes", maxHeaderBytes);
  namesInUse(options.eventNames);
  // The stream knows its own limits, and this one is never read.
  sseStream(nothing(), options);
}

function checkLimit(option: string, limit: number): void {
  if (limit === Infinity || (Number.isSafeInteger(limit) && limit > 0)) return;
  throw new RangeError(
    `Cannot make routes: ${option} must be a positive integer or Infinity, got ${limit}`,
  );
}

/** Whether a message may be run by a method that promises to change nothing. */
export function isSafe({ kind }: { readonly kind: MessageKind }, { safe }: RouteOptions): boolean {
  return safe ?? kind === "query";
}

/** The limit of {@linkcode RouteOptions.maxBodyBytes} where none is given. */
export const DEFAULT_MAX_BODY_BYTES = 1_048_576;

/** The limit of {@linkcode RouteOptions.maxHeaderBytes} where none is given. */
export const DEFAULT_MAX_HEADER_BYTES = 16_384;

async function* nothing(): AsyncGenerator<never> {}
