import type { MemoryBroker } from "./memory_broker.ts";
import type { MemorySubscription } from "./memory_subscription.ts";

/** A part of a topic, read in order by one subscription at a time. */
export interface MemoryPartition {
  readonly topic: string;
  readonly index: number;
  /** The places of the messages that are to be delivered, in order. */
  pending: number[];
  /** What was delivered and is not settled, by place. */
  readonly unsettled: Map<number, AbortController>;
  /** How often messages were delivered that are not done, by place. */
  readonly counts: Map<number, number>;
  owner: MemorySubscription | undefined;
}

interface Topic {
  /** How far the broker's messages were divided into partitions. */
  read: number;
  readonly partitions: readonly MemoryPartition[];
}

/** The topics of a group, and which subscription reads which of their partitions. */
export class MemoryTopics {
  readonly #broker: MemoryBroker;
  readonly #partitions: number;
  readonly #topics: Map<string, Topic> = new Map();

  constructor(broker: MemoryBroker, partitions: number) {
    this.#broker = broker;
    this.#partitions = partitions;
  }

  /** Divides the partitions of each topic among those who read it. */
  share(subscriptions: readonly MemorySubscription[]): void {
    const names = new Set(subscriptions.flatMap(({ topics }) => topics));
    for (const name of names) this.#topicOf(name);
    for (const [name, { partitions }] of this.#topics) {
      const readers = subscriptions.filter(({ topics }) => topics.includes(name));
      for (const partition of partitions) {
        const owner = readers[partition.index % Math.max(1, readers.length)];
        if (owner === partition.owner) continue;
        takeBack(partition, 0);
        partition.owner = owner;
      }
    }
    for (const subscription of subscriptions) subscription.wake();
  }

  /** The partitions that a subscription reads, with all that the broker has of them. */
  partitionsOf(subscription: MemorySubscription): MemoryPartition[] {
    const found: MemoryPartition[] = [];
    for (const name of subscription.topics) {
      const topic = this.#topicOf(name);
      this.#divide(name, topic);
      found.push(...topic.partitions.filter(({ owner }) => owner === subscription));
    }
    return found;
  }

  #topicOf(name: string): Topic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const partitions = Array.from({ length: this.#partitions }, (_, index): MemoryPartition => ({
      topic: name,
      index,
      pending: [],
      unsettled: new Map(),
      counts: new Map(),
      owner: undefined,
    }));
    const topic = { read: 0, partitions };
    this.#topics.set(name, topic);
    return topic;
  }

  #divide(name: string, topic: Topic): void {
    for (;;) {
      const found = this.#broker.at(name, topic.read);
      if (found === undefined) return;
      const { place, message: { key } } = found;
      topic.read = place + 1;
      const index = (key === undefined ? place : hash(key)) % this.#partitions;
      topic.partitions[index]?.pending.push(place);
    }
  }
}

/** All that was delivered from a place on comes again. */
export function takeBack(partition: MemoryPartition, from: number): void {
  const places = [...partition.unsettled.keys()].filter((place) => place >= from);
  for (const place of places) {
    partition.unsettled.get(place)?.abort();
    partition.unsettled.delete(place);
  }
  if (places.length === 0) return;
  partition.pending = [...places, ...partition.pending].sort((a, b) => a - b);
}

/** FNV-1a, over the units of a text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) {
    value = Math.imul(value ^ text.charCodeAt(n), 0x01000193);
  }
  return value >>> 0;
}
