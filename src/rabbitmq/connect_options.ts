import { type AMQPBaseClient, AMQPClient, type AMQPTlsOptions } from "@cloudamqp/amqp-client";
import { type Clock, systemClock } from "../clock.ts";
import { type Backoff, exponentialBackoff } from "../resilience/mod.ts";

/** How the server is reached. */
export interface RabbitmqConnectOptions {
  /**
   * Where the server is and who asks, such as `amqps://user:password@host/vhost`; or what makes a client
   * that is not connected yet, for each connection anew: an `AMQPWebSocketClient` where there are no
   * sockets. A client that was made is closed when it is not needed any more.
   */
  readonly connection: string | (() => AMQPBaseClient);
  /** Certificates and keys for `amqps:`. @default the authorities that the runtime trusts */
  readonly tls?: AMQPTlsOptions;
  /**
   * After how many seconds of silence a connection is taken for dead, unless the URL says so with
   * `heartbeat`; 0 relies on TCP.
   *
   * @default {30}
   */
  readonly heartbeatSeconds?: number;
  /** How long to wait before the next attempt to connect, after failures. @default from 100 ms up to 5 s */
  readonly backoff?: Backoff;
  /**
   * How long the server may take to answer, in milliseconds, when a connection or a channel is opened, or an
   * exchange or queue is made, looked for or read. After that the connection is given up, and made again. A
   * quorum queue that has lost its leader, as a server can leave one that was killed just after the queue
   * was made, answers nobody.
   *
   * @default {15_000}
   */
  readonly answerTimeoutMs?: number;
  /** Is told each time that a connection is lost or cannot be made. @default {undefined} */
  readonly onConnectionError?: (error: unknown) => void;
  /** What tells the time. @default {systemClock} */
  readonly clock?: Clock;
}

/** The options with what they leave out. */
export interface ConnectSettings {
  readonly create: () => AMQPBaseClient;
  readonly answerTimeoutMs: number;
  readonly backoff: Backoff;
  readonly report: (error: unknown) => void;
  readonly clock: Clock;
}

/**
 * Checks the options.
 *
 * @throws {TypeError} If `connection` is no URL of AMQP.
 * @throws {RangeError} If `heartbeatSeconds` or `answerTimeoutMs` makes no sense.
 */
export function connectSettings(options: RabbitmqConnectOptions): ConnectSettings {
  const { connection, tls, heartbeatSeconds = 30, clock = systemClock } = options;
  const { answerTimeoutMs = 15_000, onConnectionError } = options;
  const { backoff = exponentialBackoff({ maxDelayMs: 5_000 }) } = options;
  if (!Number.isInteger(heartbeatSeconds) || heartbeatSeconds < 0) {
    throw new RangeError(
      `Cannot connect as "heartbeatSeconds" must be a whole number: ${heartbeatSeconds}`,
    );
  }
  if (!Number.isInteger(answerTimeoutMs) || answerTimeoutMs < 1) {
    throw new RangeError(
      `Cannot connect as "answerTimeoutMs" must be a positive whole number: ${answerTimeoutMs}`,
    );
  }
  const report = (error: unknown) => onConnectionError?.(error);
  const rest = { answerTimeoutMs, backoff, report, clock };
  if (typeof connection !== "string") return { create: connection, ...rest };
  const url = new URL(connection);
  if (url.protocol !== "amqp:" && url.protocol !== "amqps:") {
    throw new TypeError(`Cannot connect as "connection" is no URL of AMQP: ${url.protocol}`);
  }
  if (!url.searchParams.has("heartbeat")) {
    url.searchParams.set("heartbeat", String(heartbeatSeconds));
  }
  return { create: () => new AMQPClient(url.href, tls), ...rest };
}
