import type { Publisher } from "../broker/mod.ts";
import type { OutgoingRecord } from "./kafka_record.ts";
import type { KafkaJsClient, KafkaJsProducer } from "./kafkajs_client.ts";
import { partitioner } from "./partitioner.ts";
import { checkPublishOptions, type KafkaPublishOptions } from "./publisher_options.ts";
import { recordPublisher, type RecordSender } from "./record_publisher.ts";

/** How {@linkcode kafkaPublisher} writes. */
export interface KafkaPublisherOptions extends KafkaPublishOptions {
  /** How batches are compressed: a value of `CompressionTypes` of kafkajs. @default {0}, which is not at all */
  readonly compression?: number;
  /** Other settings of the producer, such as `retry` or `metadataMaxAge`. @default {{}} */
  readonly producer?: Readonly<Record<string, unknown>>;
}

/**
 * Publishes to Kafka through the package `kafkajs`. TLS and SASL are what the client is made with.
 *
 * The topic is that of the message, its key decides the partition, as with Kafka's own clients. A message
 * counts as published when all replicas in sync have it (`acks=all`). Requests go out one after the other,
 * so that nothing overtakes; hand over many messages at once for speed. It connects with the first
 * message, and again whenever it is called after a failure.
 *
 * A message that the broker refuses, such as one that is too large, has an error of its own. As the
 * broker then answers for the whole request, the others of it are sent again one by one, and those of
 * other partitions may be there twice. Whatever else goes wrong rejects the call, unless the broker had
 * confirmed messages of it before.
 *
 * @throws {RangeError} If `maxRequestBytes` is not positive.
 *
 * @example
 * ```ts ignore
 * import { kafkaPublisher } from "@sluice/cqrs/kafka";
 * import { Kafka } from "kafkajs";
 *
 * const kafka = new Kafka({ brokers: ["localhost:9092"], ssl: true, sasl });
 * const app = bootstrap(handlers, { broker: kafkaPublisher(kafka) });
 * ```
 */
export function kafkaPublisher(
  client: KafkaJsClient,
  { compression = 0, producer = {}, ...options }: KafkaPublisherOptions = {},
): Publisher {
  const { format, maxRequestBytes, idempotent } = checkPublishOptions(options);
  const { choose } = partitioner();
  const sender = new KafkaJsSender(compression, () =>
    client.producer({
      createPartitioner: () => ({ message, partitionMetadata }: PartitionerArguments) =>
        choose(message, message.key, partitionMetadata.length),
      ...producer,
      idempotent,
      maxInFlightRequests: 1,
    }));
  return recordPublisher(sender, { format, maxRequestBytes });
}

interface PartitionerArguments {
  readonly message: { readonly key: Uint8Array | null };
  readonly partitionMetadata: readonly unknown[];
}

class KafkaJsSender implements RecordSender {
  readonly #compression: number;
  readonly #create: () => KafkaJsProducer;
  #producer: KafkaJsProducer | undefined;

  constructor(compression: number, create: () => KafkaJsProducer) {
    this.#compression = compression;
    this.#create = create;
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    try {
      if (this.#producer === undefined) {
        this.#producer = this.#create();
        await this.#producer.connect();
      }
      await this.#producer.send({
        topic,
        acks: -1,
        compression: this.#compression,
        messages: records.map(({ key, value, headers }) => ({ key, value, headers })),
      });
    } catch (error) {
      // It counts on as if the broker had stored nothing. If the broker has, it would take the next
      // records for copies of these, and drop them.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => {}); // it is of no use any more
  }
}
