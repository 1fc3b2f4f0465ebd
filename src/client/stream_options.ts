import { type Clock, systemClock } from "../clock.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../resilience/mod.ts";
import type { ConnectionLostError, HttpProblemError } from "./client_errors.ts";
import { checkCount, checkOption, type RequestOptions } from "./request_options.ts";
import type { ClientEventNames } from "./run_cursor.ts";

/** How the connection to a run is. */
export type ConnectionState =
  | {
    /** The server answers with the run. */
    readonly state: "open";
  }
  | {
    /** The connection was lost, and another attempt will be made. */
    readonly state: "reconnecting";
    /** The number of that attempt since there was progress, from 1. */
    readonly attempt: number;
    /** The wait before it, in milliseconds. */
    readonly delayMs: number;
    /** What ended the connection, or the last attempt. */
    readonly cause: ConnectionLostError | HttpProblemError;
  };

/**
 * How a stream is asked for, read and resumed.
 *
 * @typeParam T The type of the items.
 */
export interface StreamItemsOptions<T> extends RequestOptions {
  /**
   * The method that starts the run. `GET` puts the data into the query: strings, and lists of two or
   * more of them, as parameters; any other data as JSON in the parameter `sluice_data`, so that it
   * arrives as it was sent. A server runs it only if the request is declared safe, so it is repeated
   * when no answer comes. The others send the data as JSON in the body.
   *
   * @default {"POST"}
   */
  readonly method?: "POST" | "PUT" | "PATCH" | "GET" | undefined;
  /**
   * How long no byte may come while one is waited for, in milliseconds, before the connection counts
   * as lost; `Infinity` waits for ever. It should span several of the server's heartbeats, which
   * come every 15 seconds unless the route says otherwise. It is also how long `headers` may take.
   *
   * @default {45_000}
   */
  readonly silenceMs?: number | undefined;
  /**
   * The most attempts to connect again without progress, which is a new event, or a heartbeat on a
   * connection that has been open for 5 seconds. 0 never connects again, `Infinity` has no limit.
   *
   * @default {10}
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The delays before the attempts in milliseconds, as a function or as options; 0 or less does
   * not wait. A function must give a finite number; with another the stream ends with a `RangeError`. A `Retry-After` of the server makes a delay longer, up to 5 minutes; one that asks
   * for more ends the stream with its `HttpProblemError`, which has it as `retryAfterMs`.
   *
   * @default a random delay up to a tenth of the time that the server sets (`retry:`, or 1 second)
   * before the first attempt, up to that time before the second, and up to twice as long before each
   * further one; that limit stops at 30 seconds, or at the server's time where that is longer, up to 5 minutes
   */
  readonly backoff?: Backoff | BackoffOptions | undefined;
  /** The clock that measures silence and delays. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Is told when the connection is there and when it is lost. What it throws ends the stream. */
  readonly onStateChange?: ((state: ConnectionState) => void) | undefined;
  /** The names of the events, where the route has others. @default the usual names */
  readonly eventNames?: ClientEventNames | undefined;
  /** Makes an item of its text. @default {JSON.parse} */
  readonly deserialize?: ((text: string) => T) | undefined;
  /**
   * The most bytes that one event may have, as in `parseSse`; `Infinity` sets no bound.
   *
   * @default {1_048_576}
   */
  readonly maxEventBytes?: number | undefined;
}

/** The options of a stream, checked and complete. */
export interface StreamSettings {
  readonly isSafe: boolean;
  readonly silenceMs: number;
  readonly maxAttempts: number;
  /** `undefined` leaves it to the server. */
  readonly backoff: Backoff | undefined;
  readonly clock: Clock;
  readonly onStateChange: ((state: ConnectionState) => void) | undefined;
  readonly eventNames: ClientEventNames;
  readonly maxEventBytes: number;
}

/** @throws {RangeError} If an option is out of its range. */
export function streamSettings<T>(options: StreamItemsOptions<T>): StreamSettings {
  const { silenceMs = 45_000, maxAttempts = 10, maxEventBytes = 1_048_576, backoff } = options;
  const { method, clock = systemClock, onStateChange, eventNames = {} } = options;
  checkOption("silenceMs", silenceMs, "positive", silenceMs > 0);
  checkCount("maxAttempts", maxAttempts, 0);
  checkCount("maxEventBytes", maxEventBytes, 1);
  return {
    isSafe: method === "GET",
    silenceMs,
    maxAttempts,
    maxEventBytes,
    backoff: typeof backoff === "object" ? exponentialBackoff(backoff) : backoff,
    clock,
    onStateChange,
    eventNames,
  };
}

/** The delays that a server asks for: `retryMs` is what it wants clients to wait. */
export function resumeBackoff(retryMs = 1_000): Backoff {
  // The clients of a server that restarts must not all come back at once, and none of them every instant.
  const soon = exponentialBackoff({ initialDelayMs: retryMs / 10 });
  const later = exponentialBackoff({ initialDelayMs: Math.max(retryMs, 100) });
  return (attempt) => attempt === 1 ? soon(1) : later(attempt - 1);
}
