import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import {
  type Delivery,
  type SubscribeOptions,
  type Subscription,
  unreadEnvelope,
  type WireFormat,
} from "../broker/mod.ts";
import { sleep } from "../clock.ts";
import { deliveryCountOf, wireContextOf, wireMessageOf } from "./amqp_message.ts";
import { type Arrival, Unsettled } from "./unsettled.ts";
import type { ConnectSettings } from "./connect_options.ts";
import { type Link, replyCodeOf } from "./link.ts";
import { declareQueue, declareTopic, queueOf, type QueueSettings } from "./topology.ts";

/** What a subscription reads, and how. */
export interface SubscriptionSettings extends Required<SubscribeOptions> {
  readonly connect: ConnectSettings;
  readonly link: Link;
  readonly group: string;
  readonly format: WireFormat;
  /** How queues are made; `undefined` if they have to be there. */
  readonly queue: QueueSettings | undefined;
  /** Whether what is put back takes with it what was delivered after it. */
  readonly keepsOrder: boolean;
  readonly onEnd: () => void;
}

/**
 * How many deliveries RabbitMQ puts back in the order in which they are rejected: it may take those that it
 * has not come to together, and more at once it does not sort. What a closed channel held it does sort.
 */
const MAX_IN_ORDER = 32;

/** Access refused, precondition failed, not allowed: what the server will not think better of. */
const FINAL_REPLIES: readonly number[] = [403, 406, 530];

/** A subscription of a group. A channel holds all that belongs to it, and is replaced when it is lost. */
export class RabbitmqSubscription implements Subscription {
  readonly ready: Promise<void>;
  readonly #settings: SubscriptionSettings;
  readonly #isReady: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #ended: AbortController = new AbortController();
  readonly #iterator: AsyncGenerator<Delivery>;
  readonly #running: Promise<void>;
  #arrived: Arrival[] = [];
  /** Of the channel that is open. */
  readonly #unsettled: Unsettled;
  #channel: AMQPChannel | undefined;
  #woken: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Says that the channel is to be replaced. */
  #renew: PromiseWithResolvers<void> = Promise.withResolvers();
  #failure: { readonly error: unknown } | undefined;

  constructor(settings: SubscriptionSettings) {
    this.#settings = settings;
    // What the protocol can say.
    const maxUnsettled = Math.min(settings.maxUnsettled, 65_535);
    this.#unsettled = new Unsettled(maxUnsettled, settings.keepsOrder);
    this.ready = this.#isReady.promise;
    this.ready.catch(() => {});
    this.#iterator = this.#deliveries();
    this.#running = this.#run();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    // Without `return`, as leaving a loop keeps the subscription.
    return { next: () => this.#iterator.next() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(new TypeError("Cannot go on as the subscription was disposed of"));
      this.#isReady.reject(this.#ended.signal.reason);
      const channel = this.#channel;
      this.#lose(this.#ended.signal.reason);
      // The server puts back what is unsettled once it has read the acknowledgements before this.
      if (channel !== undefined && !channel.connection.closed) {
        await this.#settings.link.answer(channel.connection, channel.close()).catch(() => {});
      }
      this.#settings.onEnd();
    }
    await this.#running;
  }

  async *#deliveries(): AsyncGenerator<Delivery> {
    while (!this.#ended.signal.aborted) {
      this.#woken = Promise.withResolvers();
      const arrival = this.#arrived.shift();
      if (arrival !== undefined) {
        const delivery = await this.#deliver(arrival);
        if (!arrival.lost.signal.aborted) yield delivery;
      } else if (this.#failure !== undefined) {
        throw this.#failure.error;
      } else await this.#woken.promise;
    }
  }

  /** Keeps a channel open until the end. */
  async #run(): Promise<void> {
    const { connect, link } = this.#settings;
    const { signal } = this.#ended;
    for (let failures = 0; !signal.aborted;) {
      const ended = Promise.withResolvers<never>();
      ended.promise.catch(() => {});
      const onEnd = () => ended.reject(signal.reason);
      signal.addEventListener("abort", onEnd);
      try {
        const { connection, cancelled } = await this.#open(ended.promise);
        failures = 0;
        this.#isReady.resolve();
        const renewed = this.#renew.promise;
        await link.whileOpen(connection, Promise.race([cancelled, renewed, ended.promise]));
      } catch (error) {
        // Of its own connection the link tells.
        const isChannelOnly = this.#channel !== undefined && link.isOpen(this.#channel.connection);
        this.#lose(error);
        if (signal.aborted) return;
        if (FINAL_REPLIES.includes(replyCodeOf(error) ?? 0)) return this.#fail(error);
        if (isChannelOnly) connect.report(error);
        await sleep(connect.clock, connect.backoff(++failures), signal).catch(() => {});
      } finally {
        signal.removeEventListener("abort", onEnd);
      }
    }
  }

  /** Opens a channel, with what it reads. `cancelled` rejects when the server ends that. */
  async #open(ended: Promise<never>) {
    const { link, topics, group, queue, maxUnsettled } = this.#settings;
    const channel = await Promise.race([link.channel(), ended]);
    const { connection } = channel;
    this.#ended.signal.throwIfAborted();
    this.#channel = channel;
    this.#renew = Promise.withResolvers();
    const cancelled = Promise.withResolvers<never>();
    cancelled.promise.catch(() => {});
    const answer = <T>(asked: Promise<T>): Promise<T> =>
      Promise.race([link.answer(connection, asked), ended]);
    if (queue !== undefined) {
      for (const topic of topics) {
        await answer(declareTopic(channel, topic));
        await answer(declareQueue(channel, group, topic, queue));
      }
    }
    await answer(channel.prefetch(Math.min(maxUnsettled, 65_535)));
    for (const topic of topics) {
      const consumer = await answer(
        channel.basicConsume(
          queueOf(group, topic),
          { noAck: false },
          (message) => this.#arrive(message, topic),
        ),
      );
      // It resolves if the connection was closed from here, which the link tells too.
      consumer.wait().catch(cancelled.reject);
    }
    return { connection, cancelled: cancelled.promise };
  }

  #arrive(message: AMQPMessage, topic: string): void {
    if (message.channel !== this.#channel) return;
    const arrival = { message, topic, lost: new AbortController() };
    if (this.#unsettled.add(arrival)) {
      this.#arrived.push(arrival);
      this.#woken.resolve();
    } else reject(message, true);
  }

  /** The channel is gone, and with it all that was unsettled. */
  #lose(reason: unknown): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#arrived = [];
    this.#unsettled.lose(reason);
    // One of several consumers may be gone: the others must not go on beside the next channel.
    if (channel !== undefined && !channel.closed && !channel.connection.closed) {
      if (!this.#ended.signal.aborted) channel.close().catch(() => {});
    }
    this.#woken.resolve();
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#isReady.reject(error);
    this.#woken.resolve();
  }

  async #deliver(arrival: Arrival): Promise<Delivery> {
    const { message, topic, lost } = arrival;
    const queue = queueOf(this.#settings.group, topic);
    const wire = wireMessageOf(message);
    const context = await wireContextOf(message, topic);
    const rest = {
      partition: queue,
      position: `${queue}/${message.deliveryTag}`,
      deliveryCount: deliveryCountOf(message),
      signal: lost.signal,
      ack: async () => {
        if (this.#unsettled.take(arrival)) {
          await sent(message.channel.basicAck(message.deliveryTag));
        }
      },
      nack: async ({ requeue = true } = {}) => {
        if (requeue) await this.#putBack(arrival);
        else if (this.#unsettled.take(arrival)) await reject(message, false);
      },
    };
    try {
      const envelope = this.#settings.format.read(wire, context);
      if (!message.properties.messageId && envelope.id === context.fallbackId) {
        throw new TypeError("Cannot tell a message without an id from others");
      }
      return { envelope, ...rest };
    } catch (error) {
      return { envelope: unreadEnvelope(wire, context), error, ...rest };
    }
  }

  async #putBack(arrival: Arrival): Promise<void> {
    const { keepsOrder, maxUnsettled } = this.#settings;
    if (keepsOrder && maxUnsettled > MAX_IN_ORDER) {
      if (!this.#unsettled.take(arrival)) return;
      this.#renew.resolve();
      return this.#lose(goneBack());
    }
    const taken = this.#unsettled.takeBack(arrival);
    this.#arrived = this.#arrived.filter((each) => !taken.includes(each));
    const rejected = taken.map(({ message }) => reject(message, true));
    for (const { lost } of taken) if (lost !== arrival.lost) lost.abort(goneBack());
    await Promise.all(rejected);
  }
}

function goneBack(): TypeError {
  return new TypeError("Cannot settle what goes back behind a message that comes again");
}

/** "reject" and not "nack", which newer servers do not count as a delivery that failed. */
function reject(message: AMQPMessage, requeue: boolean): Promise<void> {
  return sent(message.channel.basicReject(message.deliveryTag, requeue));
}

/** If the connection is lost meanwhile, the message comes again. */
async function sent(note: Promise<void>): Promise<void> {
  await note.catch(() => {});
}
