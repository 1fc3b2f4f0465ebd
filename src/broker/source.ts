import type { Envelope } from "../message/mod.ts";

/** How {@linkcode Source.subscribe} delivers. */
export interface SubscribeOptions {
  /** The topics to read. Empty is refused with a `TypeError`. */
  readonly topics: readonly string[];
  /**
   * How many deliveries of one partition may be unsettled. A partition that has as many is not read any
   * further until one of them is acknowledged or rejected, while the others go on: so a slow handler
   * slows the broker down, and memory stays bounded.
   *
   * @default {1}
   */
  readonly maxUnsettled?: number;
}

/** How a delivery is rejected. */
export interface NackOptions {
  /**
   * Whether it comes again, to whoever reads the partition then, and before what stands behind it if the
   * broker keeps order. Otherwise the broker does with it what it is configured to do with rejected
   * messages, such as putting it onto a dead-letter exchange; a broker that knows nothing of that, such
   * as Kafka, takes it as acknowledged.
   *
   * @default {true}
   */
  readonly requeue?: boolean;
}

/** A message that a broker has delivered and that is to be settled: acknowledged or rejected, once. */
export interface Delivery {
  /**
   * The message. If `error` is set, it holds what is known: an id that is the same whenever the broker
   * delivers it, the topic, and the bytes as they came.
   */
  readonly envelope: Envelope;
  /** Why nobody can make sense of its attributes: it belongs to the dead letters. */
  readonly error?: unknown;
  /**
   * What keeps order: the deliveries of one partition come in the order in which they were published.
   * Equal for all of one partition of one topic; a queue is one partition.
   */
  readonly partition: string;
  /** Where it stands, such as topic, partition and offset, to be read by people. */
  readonly position: string;
  /** How often the broker has delivered it, counted from 1; `undefined` if it does not count. */
  readonly deliveryCount?: number | undefined;
  /**
   * Aborts when the subscription has lost the delivery, as its partition went to another reader, the
   * connection broke or the subscription was disposed of: it comes again, and settling it does nothing.
   */
  readonly signal: AbortSignal;
  /**
   * It is done: the broker need not deliver it again. Resolves when that is certain to be noted, or is on
   * its way to the broker; a broker that loses the note delivers once more. Settling out of order is
   * allowed: what a broker can note only in order is noted when those before it are done.
   */
  ack(): Promise<void>;
  /** It is not done. */
  nack(options?: NackOptions): Promise<void>;
}

/**
 * What {@linkcode Source.subscribe} opens. Iterating it gives deliveries as they come; it ends when the
 * subscription is disposed of, and throws what the broker will not recover from. There is one iteration:
 * a second one goes on where the first was left.
 *
 * Leaving the loop keeps the subscription, and what is unsettled. Disposing of it ends a `next()` that
 * waits, loses what is unsettled, notes what was acknowledged, and leaves, so that others take over at
 * once. It never rejects.
 */
export interface Subscription extends AsyncIterable<Delivery>, AsyncDisposable {
  /**
   * Resolves once the broker has let it in, so that what is published from now on is delivered to it or
   * to others of its group; rejects with what an iteration would throw.
   */
  readonly ready: Promise<void>;
}

/**
 * Where messages come from. It stands for one group of readers: each message is delivered to one of the
 * subscriptions of all processes that use the same group, at least once.
 *
 * Disposing of it ends its subscriptions and releases what it opened itself, never the client that it
 * was given.
 */
export interface Source extends AsyncDisposable {
  /**
   * Begins to read.
   *
   * @throws {TypeError} If there are no topics.
   * @throws {RangeError} If `maxUnsettled` is not a positive whole number.
   */
  subscribe(options: SubscribeOptions): Subscription;
}
