import type { MemoryBroker } from "./memory_broker.ts";
import { MemorySubscription } from "./memory_subscription.ts";
import { MemoryTopics } from "./memory_topics.ts";
import type { Source } from "./source.ts";
import { checkSubscribeOptions } from "./subscribe_options.ts";

/** How {@linkcode memorySource} reads. */
export interface MemorySourceOptions {
  /**
   * Into how many partitions it divides each topic: messages with the same key are in the same one, those
   * without a key are spread.
   *
   * @default {4}
   */
  readonly partitions?: number;
}

/**
 * Creates a source that reads what a broker in memory holds, and what is published to it later. The
 * object is the group: its subscriptions share the partitions, and it begins with the oldest message that
 * the broker holds.
 *
 * @throws {RangeError} If `partitions` is not a positive whole number.
 *
 * @example Reading what was published
 * ```ts
 * import { jsonCodec, memoryBroker, notification, toEnvelope, type } from "@sluice/cqrs";
 * import { memorySource } from "@sluice/cqrs/consumer";
 * import assert from "node:assert/strict";
 *
 * const Noted = notification("noted", { topic: "notes", data: type<{ text: string }>() });
 * const broker = memoryBroker();
 * await broker.publish([await toEnvelope(Noted({ text: "milk" }), { codec: jsonCodec(), source: "/" })]);
 *
 * const subscription = memorySource(broker).subscribe({ topics: ["notes"] });
 * for await (const delivery of subscription) {
 *   assert.equal(delivery.envelope.type, "noted");
 *   await delivery.ack();
 *   break;
 * }
 * await subscription[Symbol.asyncDispose]();
 * ```
 */
export function memorySource(
  broker: MemoryBroker,
  { partitions = 4 }: MemorySourceOptions = {},
): Source {
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new RangeError(
      `Cannot create a source as "partitions" must be a positive whole number: ${partitions}`,
    );
  }
  const topics = new MemoryTopics(broker, partitions);
  const subscriptions = new Set<MemorySubscription>();
  const share = () => topics.share([...subscriptions]);
  return {
    subscribe(options) {
      const subscription = new MemorySubscription(broker, topics, {
        ...checkSubscribeOptions(options),
        onEnd() {
          subscriptions.delete(subscription);
          share();
        },
      });
      subscriptions.add(subscription);
      share();
      return subscription;
    },
    async [Symbol.asyncDispose]() {
      for (const subscription of [...subscriptions]) await subscription[Symbol.asyncDispose]();
    },
  };
}
