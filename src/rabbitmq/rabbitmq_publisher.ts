import {
  type Publisher,
  PublishError,
  type PublishOptions,
  type PublishResult,
  type WireFormat,
  type WireMessage,
} from "../broker/mod.ts";
import type { Clock } from "../clock.ts";
import type { Envelope } from "../message/mod.ts";
import { defaultFormat } from "./amqp_message.ts";
import { connectSettings, type RabbitmqConnectOptions } from "./connect_options.ts";
import { Link } from "./link.ts";
import { type ChannelSettings, PublishChannel } from "./publish_channel.ts";

/** How {@linkcode rabbitmqPublisher} publishes. */
export interface RabbitmqPublisherOptions extends RabbitmqConnectOptions {
  /** How messages look on the wire. @default {cloudEvents({ prefix: "cloudEvents_" })} */
  readonly format?: WireFormat;
  /**
   * Whether it makes the exchanges of topics. Otherwise they have to be there, and the user needs no
   * right to configure.
   *
   * @default {true}
   */
  readonly declares?: boolean;
  /** Whether a message that reaches no queue is an error of that message. @default {true} */
  readonly mandatory?: boolean;
  /** Whether messages are kept on disk, so that they outlive the server. @default {true} */
  readonly persistent?: boolean;
  /** How many messages may wait to be confirmed, over all calls; further ones wait to be sent. @default {500} */
  readonly maxUnconfirmed?: number;
  /**
   * How long a call waits for the server to confirm, in milliseconds. After that all that is not confirmed
   * is given up, other calls' messages too, and may have been published.
   *
   * @default {30_000}
   */
  readonly confirmTimeoutMs?: number;
}

/**
 * Creates a publisher over RabbitMQ. A topic is a durable exchange of the type `topic`, and the type of the
 * message is the routing key: so every group gets every message in a queue of its own, and others may bind
 * queues to some types. It connects when it is used first, and again after the connection was lost.
 *
 * What is not confirmed when a connection is lost is an error, and may have been published.
 *
 * @throws {TypeError} If `connection` is no URL of AMQP.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Made without connecting
 * ```ts
 * import { rabbitmqPublisher } from "@sluice/cqrs/rabbitmq";
 * import assert from "node:assert/strict";
 *
 * const publisher = rabbitmqPublisher({ connection: "amqp://guest:guest@localhost" });
 * assert.deepEqual(await publisher.publish([]), []);
 * await publisher[Symbol.asyncDispose]();
 * ```
 */
export function rabbitmqPublisher(options: RabbitmqPublisherOptions): Publisher {
  return new RabbitmqPublisher(options);
}

class RabbitmqPublisher implements Publisher {
  // Messages are on their way together, so one that fails does not hold back those behind it.
  readonly keepsOrderOnFailure = false;
  readonly #link: Link;
  readonly #format: WireFormat;
  readonly #settings: ChannelSettings;
  readonly #maxUnconfirmed: number;
  readonly #confirmTimeoutMs: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  readonly #calls: Set<Promise<unknown>> = new Set();
  #unconfirmed = 0;
  #channel: Promise<PublishChannel> | undefined;
  #isDisposed = false;

  constructor(options: RabbitmqPublisherOptions) {
    const { declares = true, mandatory = true, persistent = true } = options;
    const { maxUnconfirmed = 500, confirmTimeoutMs = 30_000, format = defaultFormat() } = options;
    for (const [name, value] of Object.entries({ maxUnconfirmed, confirmTimeoutMs })) {
      if (Number.isInteger(value) && value > 0) continue;
      throw new RangeError(`Cannot publish as "${name}" must be a positive whole number: ${value}`);
    }
    const settings = connectSettings(options);
    this.#link = new Link(settings);
    this.#clock = settings.clock;
    this.#format = format;
    this.#settings = { declares, mandatory, persistent };
    this.#maxUnconfirmed = maxUnconfirmed;
    this.#confirmTimeoutMs = confirmTimeoutMs;
  }

  async publish(
    messages: readonly Envelope[],
    { signal }: PublishOptions = {},
  ): Promise<readonly PublishResult[]> {
    signal?.throwIfAborted();
    if (this.#isDisposed) throw new TypeError("Cannot publish as the publisher is disposed of");
    if (messages.length === 0) return [];
    const call = this.#publish(messages, signal);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled(this.#calls);
    await this.#link.close();
  }

  async #publish(
    messages: readonly Envelope[],
    signal: AbortSignal | undefined,
  ): Promise<readonly PublishResult[]> {
    const stop = Promise.withResolvers<never>();
    stop.promise.catch(() => {});
    const onAbort = () => stop.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    let channel: PublishChannel | undefined;
    const cancelTimer = this.#clock.setTimer(() => {
      const error = new DOMException("The server does not confirm", "TimeoutError");
      stop.reject(error);
      channel?.close(error);
    }, this.#confirmTimeoutMs);
    try {
      channel = await Promise.race([this.#open(), stop.promise]);
      const results: PublishResult[] = new Array(messages.length);
      const sent = this.#sendAll(channel, messages, results);
      const stopped = await Promise.race([sent.done, stop.promise]).then(
        () => undefined,
        (reason) => ({ reason }),
      );
      if (stopped === undefined) return results;
      sent.stop();
      if (!results.some((result) => result?.ok)) throw stopped.reason;
      return messages.map((message, n) => results[n] ?? failed(message, stopped.reason));
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The channel, which is opened anew if the one before was closed. */
  async #open(): Promise<PublishChannel> {
    const opened = this.#channel;
    const known = await opened?.catch(() => undefined);
    if (known !== undefined && !known.isClosed) return known;
    if (this.#channel === opened) this.#channel = PublishChannel.open(this.#link, this.#settings);
    return await (this.#channel as Promise<PublishChannel>);
  }

  /** Sends as fast as it may, and writes down what became of each message. */
  #sendAll(channel: PublishChannel, messages: readonly Envelope[], results: PublishResult[]) {
    let isStopped = false;
    const send = async () => {
      const refused = await declareAll(channel, messages);
      const confirmed: Promise<void>[] = [];
      for (const [n, message] of messages.entries()) {
        if (this.#unconfirmed >= this.#maxUnconfirmed) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        }
        if (isStopped) return this.#waiting.shift()?.();
        confirmed.push(
          this.#send(channel, message, refused).then((result) => {
            results[n] = result;
          }),
        );
      }
      await Promise.all(confirmed);
    };
    return { done: send(), stop: () => isStopped = true };
  }

  async #send(
    channel: PublishChannel,
    message: Envelope,
    refused: ReadonlyMap<string, unknown>,
  ): Promise<PublishResult> {
    if (refused.has(message.topic)) return failed(message, refused.get(message.topic));
    let wire: WireMessage;
    try {
      wire = this.#format.write(message);
    } catch (error) {
      return failed(message, error);
    }
    this.#unconfirmed++;
    try {
      await channel.publish(message, wire);
      return { ok: true };
    } catch (error) {
      return failed(message, error);
    } finally {
      this.#unconfirmed--;
      this.#waiting.shift()?.();
    }
  }
}

/** Resolves to the topics whose exchange is not there, with the reason. */
async function declareAll(
  channel: PublishChannel,
  messages: readonly Envelope[],
): Promise<ReadonlyMap<string, unknown>> {
  const refused = new Map<string, unknown>();
  const topics = new Set(messages.map(({ topic }) => topic));
  for (const topic of topics) {
    if (channel.isDeclared(topic)) continue;
    await channel.declare(topic).catch((error) => refused.set(topic, error));
  }
  return refused;
}

function failed(message: Envelope, cause: unknown): PublishResult {
  return { ok: false, error: new PublishError(message, { cause }) };
}
