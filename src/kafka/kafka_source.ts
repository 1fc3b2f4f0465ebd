import type { Source } from "../broker/mod.ts";
import type {
  GroupMember,
  GroupMemberListener,
  TopicOffset,
  TopicPartition,
} from "./group_member.ts";
import { type CheckedReadOptions, groupSource, type KafkaReadOptions } from "./group_source.ts";
import type { IncomingRecord } from "./kafka_record.ts";
import { textBuffer } from "./buffers.ts";
import type { KafkaJsClient, KafkaJsConsumer, KafkaJsMessage } from "./kafkajs_client.ts";
import { causesOf } from "./refusal.ts";

/** How {@linkcode kafkaSource} reads. */
export interface KafkaSourceOptions extends KafkaReadOptions {
  /** Other settings of the consumer, such as `rackId` or `maxBytesPerPartition`. @default {{}} */
  readonly consumer?: Readonly<Record<string, unknown>>;
}

/**
 * Reads from Kafka through the package `kafkajs`, as a consumer group. TLS and SASL are what the client is
 * made with.
 *
 * A group that is new begins with the oldest message. The group's offset of a partition follows what is
 * acknowledged without a gap, so nothing is lost whatever is acknowledged first. Deliveries of a partition
 * come in order, partitions are delivered beside each other. A member stays in the group while a handler
 * takes its time. When the group divides its partitions anew, deliveries of those that stay here stay
 * valid, the others are lost. Where the client gives up, a new one takes its place.
 *
 * `nack()` delivers once more what it rejects, and what was delivered behind it; how often is not counted.
 *
 * @throws {TypeError} If `groupId` is empty.
 * @throws {RangeError} If a number makes no sense.
 *
 * @example
 * ```ts ignore
 * import { kafkaSource } from "@sluice/cqrs/kafka";
 * import { Kafka } from "kafkajs";
 *
 * const kafka = new Kafka({ brokers: ["localhost:9092"] });
 * const subscription = kafkaSource(kafka, { groupId: "billing" }).subscribe({ topics: ["orders"] });
 * for await (const delivery of subscription) {
 *   await handle(delivery.envelope);
 *   await delivery.ack();
 * }
 * ```
 */
export function kafkaSource(
  client: KafkaJsClient,
  { consumer = {}, ...options }: KafkaSourceOptions,
): Source {
  return groupSource(
    options,
    (topics, checked) => new KafkaJsMember(client, topics, { ...checked, consumer }),
  );
}

/** What is used of the events and batches of kafkajs. */
interface GroupJoin {
  readonly payload: {
    readonly memberId: string;
    readonly memberAssignment: Readonly<Record<string, readonly number[]>>;
  };
}
interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly KafkaJsMessage[];
  lastOffset(): string;
}

class KafkaJsMember implements GroupMember {
  readonly #consumer: KafkaJsConsumer;
  readonly #topics: readonly string[];
  #memberId: string | undefined;
  #isClosed = false;

  constructor(
    client: KafkaJsClient,
    topics: readonly string[],
    { groupId, maxWaitMs, sessionTimeoutMs, consumer }:
      & CheckedReadOptions
      & Required<KafkaSourceOptions>,
  ) {
    this.#topics = topics;
    this.#consumer = client.consumer({
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.ceil(sessionTimeoutMs / 10),
      ...consumer,
      groupId,
      maxWaitTimeInMs: maxWaitMs,
      // Its own way of starting again cannot be stopped while it connects.
      retry: { ...consumer["retry"] ?? {}, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  async start(listener: GroupMemberListener): Promise<void> {
    const consumer = this.#consumer;
    const { GROUP_JOIN, REBALANCING, CRASH } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }: GroupJoin) => this.#joined(payload, listener));
    consumer.on(REBALANCING, () => listener.rebalancing());
    consumer.on(CRASH, (event: { payload: { error: unknown } }) => {
      listener.failed(event.payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.#topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }: { batch: Batch; heartbeat(): Promise<void> }) => {
        const records = batch.messages.map(toIncoming);
        if (!this.#isClosed) listener.received(batch, records, BigInt(batch.lastOffset()) + 1n);
        await heartbeat();
      },
    });
  }

  hold({ topic, partition }: TopicPartition): void {
    this.#consumer.pause([{ topic, partitions: [partition] }]);
  }

  resume({ topic, partition }: TopicPartition): void {
    this.#consumer.resume([{ topic, partitions: [partition] }]);
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    await this.#consumer.commitOffsets(
      offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: `${offset}` })),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#consumer.disconnect();
  }

  isPassing(error: unknown): boolean {
    return causesOf(error).some((each) =>
      ("retriable" in each && each.retriable === true) ||
      ("name" in each && each.name === "KafkaJSNumberOfRetriesExceeded")
    );
  }

  #joined(
    { memberId, memberAssignment }: GroupJoin["payload"],
    listener: GroupMemberListener,
  ): void {
    const partitions = Object.entries(memberAssignment).flatMap(([topic, all]) =>
      all.map((partition) => ({ topic, partition }))
    );
    const isKept = memberId === this.#memberId;
    this.#memberId = memberId;
    const places = listener.assigned(partitions, isKept);
    for (const { topic, partition, offset } of places) {
      this.#consumer.seek({ topic, partition, offset: `${offset}` });
    }
    // It forgets which partitions it has, but not which of them it holds.
    for (const { topic, partition } of partitions) {
      const isNew = !places.some((each) => each.topic === topic && each.partition === partition);
      if (isNew) this.resume({ topic, partition });
    }
  }
}

function toIncoming(
  { key, value, timestamp, offset, headers = {} }: KafkaJsMessage,
): IncomingRecord {
  return {
    offset: BigInt(offset),
    key,
    value,
    timestampMs: Number(timestamp),
    headers: Object.entries(headers).map(([name, bytes]) => {
      // Of several headers with a name the last one counts.
      const last = Array.isArray(bytes) ? bytes.at(-1) : bytes;
      return [name, typeof last === "string" ? textBuffer(last) : last];
    }),
  };
}
