import { checkSubscribeOptions, type Source, type WireFormat } from "../broker/mod.ts";
import { defaultFormat } from "./amqp_message.ts";
import { connectSettings, type RabbitmqConnectOptions } from "./connect_options.ts";
import { Link } from "./link.ts";
import { RabbitmqSubscription } from "./rabbitmq_subscription.ts";

/** How {@linkcode rabbitmqSource} reads. */
export interface RabbitmqSourceOptions extends RabbitmqConnectOptions {
  /** The name of the group: its subscriptions, in whichever process, share the messages. */
  readonly group: string;
  /** How messages look on the wire. @default {cloudEvents({ prefix: "cloudEvents_" })} */
  readonly format?: WireFormat;
  /** Whether it makes exchanges and queues. Otherwise they have to be there. @default {true} */
  readonly declares?: boolean;
  /**
   * Who of a group reads a topic: `"single"`, one subscription, while the others stand by, so that order
   * holds; or `"competing"`, all at once, so that messages of one key are handled out of order. RabbitMQ
   * keeps it with the queue: to change it, remove the queue.
   *
   * @default {"single"}
   */
  readonly consumers?: "single" | "competing";
  /**
   * How often RabbitMQ delivers a message until it rejects it: at most 2^31 - 1. Each loss of a connection
   * counts for all that was unsettled, so it is meant to be out of reach; whoever handles messages has a
   * smaller budget of their own. Without any, RabbitMQ would not keep order. It is kept with the queue.
   *
   * @default {1_000_000}
   */
  readonly deliveryLimit?: number;
  /**
   * What becomes of rejected messages: `"queue"` puts them into a queue that is named after that of the
   * group, with `:dead` behind, `"drop"` drops them, and an `exchange` of your own gets them. It is kept
   * with the queue.
   *
   * @default {"queue"}
   */
  readonly deadLetters?: "queue" | "drop" | { readonly exchange: string };
}

/**
 * Creates a source over RabbitMQ. Each topic of a group is a durable quorum queue, named `group:topic`,
 * that is bound to the exchange of the topic, and one partition. A group gets what was published since its
 * queue is there: since it subscribed first.
 *
 * A lost connection is made again, with all that belongs to it; what was unsettled comes again. So it goes
 * when the server cancels, as it does when a queue is deleted, and when it does not answer in time.
 *
 * What `nack()` puts back comes again at the head of its queue. With a `maxUnsettled` above 1 and
 * `"single"`, what was delivered after it of the same topic goes back behind it: those deliveries are lost,
 * and count as delivered once more. With a `maxUnsettled` above 32 RabbitMQ would not keep their order, so
 * the channel is replaced then, and all that is unsettled goes back, of the other topics too.
 *
 * The id of a message comes from its attributes, or else from the property `message-id`. RabbitMQ numbers
 * deliveries, not messages; so of two messages without any id nobody could say whether they are one. They
 * are delivered with an `error`, and belong to the dead letters, where equal ones have one id, a digest of
 * all that they are. A `format` may find an id elsewhere.
 *
 * A key that the format has no place for is in the header `x-partition-key`.
 *
 * @throws {TypeError} If `connection` is no URL of AMQP, or the group has no name.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example Made without connecting
 * ```ts
 * import { rabbitmqSource } from "@sluice/cqrs/rabbitmq";
 * import assert from "node:assert/strict";
 *
 * const source = rabbitmqSource({ connection: "amqp://guest:guest@localhost", group: "billing" });
 * assert.throws(() => source.subscribe({ topics: [] }), TypeError);
 * await source[Symbol.asyncDispose]();
 * ```
 */
export function rabbitmqSource(options: RabbitmqSourceOptions): Source {
  const { group, format = defaultFormat(), declares = true, consumers = "single" } = options;
  const { deliveryLimit = 1_000_000, deadLetters = "queue" } = options;
  if (group === "") throw new TypeError("Cannot read as a group without a name");
  if (!Number.isInteger(deliveryLimit) || deliveryLimit < 1 || deliveryLimit > 2 ** 31 - 1) {
    throw new RangeError(
      `Cannot read as "deliveryLimit" must be a positive whole number: ${deliveryLimit}`,
    );
  }
  const connect = connectSettings(options);
  const link = new Link(connect);
  const subscriptions = new Set<RabbitmqSubscription>();
  const isOrdered = consumers === "single";
  return {
    subscribe(subscribeOptions) {
      const subscription = new RabbitmqSubscription({
        ...checkSubscribeOptions(subscribeOptions),
        connect,
        link,
        group,
        format,
        keepsOrder: isOrdered,
        queue: declares ? { isOrdered, deliveryLimit, deadLetters } : undefined,
        onEnd: () => subscriptions.delete(subscription),
      });
      subscriptions.add(subscription);
      return subscription;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...subscriptions].map((each) => each[Symbol.asyncDispose]()));
      await link.close();
    },
  };
}
