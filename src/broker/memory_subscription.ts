import type { Envelope } from "../message/mod.ts";
import type { MemoryBroker } from "./memory_broker.ts";
import { type MemoryPartition, type MemoryTopics, takeBack } from "./memory_topics.ts";
import type { Delivery, SubscribeOptions, Subscription } from "./source.ts";

/** A subscription of a group in memory. */
export class MemorySubscription implements Subscription {
  readonly ready: Promise<void> = Promise.resolve();
  readonly topics: readonly string[];
  readonly #broker: MemoryBroker;
  readonly #all: MemoryTopics;
  readonly #maxUnsettled: number;
  readonly #onEnd: () => void;
  readonly #stopListening: () => void;
  readonly #iterator: AsyncGenerator<Delivery>;
  #woken: PromiseWithResolvers<void> = Promise.withResolvers();
  #isEnded = false;
  /** How many were delivered, so that no partition is always the first. */
  #turn = 0;

  constructor(
    broker: MemoryBroker,
    all: MemoryTopics,
    { topics, maxUnsettled, onEnd }: Required<SubscribeOptions> & { readonly onEnd: () => void },
  ) {
    this.#broker = broker;
    this.#all = all;
    this.topics = topics;
    this.#maxUnsettled = maxUnsettled;
    this.#onEnd = onEnd;
    this.#stopListening = broker.onPublish(() => this.wake());
    this.#iterator = this.#deliveries();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    // Without `return`, as leaving a loop keeps the subscription.
    return { next: () => this.#iterator.next() };
  }

  /** There may be something to deliver. */
  wake(): void {
    this.#woken.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stopListening();
    this.#onEnd();
    this.wake();
    await Promise.resolve();
  }

  async *#deliveries(): AsyncGenerator<Delivery> {
    while (!this.#isEnded) {
      this.#woken = Promise.withResolvers();
      const delivery = this.#next();
      if (delivery === undefined) await this.#woken.promise;
      else yield delivery;
    }
  }

  #next(): Delivery | undefined {
    const partitions = this.#all.partitionsOf(this);
    for (let n = 0; n < partitions.length; n++) {
      const partition = partitions[(this.#turn + n) % partitions.length];
      if (partition === undefined || partition.unsettled.size >= this.#maxUnsettled) continue;
      for (;;) {
        const place = partition.pending.shift();
        if (place === undefined) break;
        const found = this.#broker.at(partition.topic, place);
        if (found?.place !== place) continue; // the broker keeps it no longer
        this.#turn++;
        return this.#deliver(partition, place, found.message);
      }
    }
    return undefined;
  }

  #deliver(partition: MemoryPartition, place: number, envelope: Envelope): Delivery {
    const { topic, index, unsettled, counts } = partition;
    const lost = new AbortController();
    const deliveryCount = (counts.get(place) ?? 0) + 1;
    unsettled.set(place, lost);
    counts.set(place, deliveryCount);
    const isOpen = () => unsettled.get(place) === lost;
    const settle = () => {
      unsettled.delete(place);
      counts.delete(place);
      this.wake();
    };
    return {
      envelope,
      partition: JSON.stringify([topic, index]),
      position: `${topic}/${index}/${place}`,
      deliveryCount,
      signal: lost.signal,
      async ack() {
        await Promise.resolve();
        if (isOpen()) settle();
      },
      nack: async ({ requeue = true } = {}) => {
        await Promise.resolve();
        if (!isOpen()) return;
        if (!requeue) return settle();
        // What stands behind it comes again behind it.
        takeBack(partition, place);
        this.wake();
      },
    };
  }
}
