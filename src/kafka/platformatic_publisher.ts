import type { Publisher } from "../broker/mod.ts";
import { textBuffer } from "./buffers.ts";
import type { OutgoingRecord } from "./kafka_record.ts";
import { partitioner } from "./partitioner.ts";
import type { PlatformaticProducer } from "./platformatic_client.ts";
import { checkPublishOptions, type KafkaPublishOptions } from "./publisher_options.ts";
import { recordPublisher, type RecordSender } from "./record_publisher.ts";

/** How {@linkcode platformaticPublisher} writes. */
export interface PlatformaticPublisherOptions extends KafkaPublishOptions {
  /** How batches are compressed: `"gzip"`, `"snappy"`, `"lz4"` or `"zstd"`. @default {"none"} */
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
}

/**
 * The settings that a producer needs for {@linkcode platformaticPublisher}: spread them into those that it is made
 * with.
 */
export interface PlatformaticProducerSettings {
  /** As the option says. */
  readonly idempotent: boolean;
  /** All replicas in sync. */
  readonly acks: -1;
  /** One request at a time, so that none overtakes. */
  readonly maxInflights: 1;
  /** An idempotent producer would otherwise try without an end. */
  readonly retries: number;
}

/**
 * Publishes to Kafka through the package `@platformatic/kafka`. TLS and SASL are what the producer is made
 * with; it is made with the first message.
 *
 * It promises what {@linkcode kafkaPublisher} promises.
 *
 * @throws {RangeError} If `maxRequestBytes` is not positive.
 *
 * @example
 * ```ts ignore
 * import { platformaticPublisher } from "@sluice/cqrs/kafka";
 * import { Producer } from "@platformatic/kafka";
 *
 * const broker = platformaticPublisher((settings) =>
 *   new Producer({ clientId: "orders", bootstrapBrokers: ["localhost:9092"], tls, sasl, ...settings })
 * );
 * ```
 */
export function platformaticPublisher(
  create: (settings: PlatformaticProducerSettings) => PlatformaticProducer,
  { compression = "none", ...options }: PlatformaticPublisherOptions = {},
): Publisher {
  const { format, maxRequestBytes, idempotent } = checkPublishOptions(options);
  const settings = { idempotent, acks: -1, maxInflights: 1, retries: 5 } as const;
  const sender = new PlatformaticSender(compression, () => create(settings));
  return recordPublisher(sender, { format, maxRequestBytes });
}

/** As many as `partitioner()` can tell apart: the client takes the remainder by what there are. */
const ALL = 0x80000000;

class PlatformaticSender implements RecordSender {
  readonly #compression: string;
  readonly #create: () => PlatformaticProducer;
  readonly #names: Map<string, Uint8Array> = new Map();
  readonly #partitioner = partitioner();
  #producer: PlatformaticProducer | undefined;

  constructor(compression: string, create: () => PlatformaticProducer) {
    this.#compression = compression;
    this.#create = create;
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    this.#producer ??= this.#create();
    await this.#producer.send({
      acks: -1,
      compression: this.#compression,
      messages: records.map((record) => this.#toMessage(topic, record)),
    });
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.close(true).catch(() => {}); // its connections are broken already
  }

  #toMessage(topic: string, record: OutgoingRecord) {
    const { key, value, headers } = record;
    const bytes = new Map<Uint8Array, Uint8Array | undefined>();
    for (const name of Object.keys(headers)) bytes.set(this.#nameOf(name), headers[name]);
    return {
      topic,
      partition: this.#partitioner.choose(record, key, ALL),
      ...(key !== null && { key }),
      value,
      headers: bytes,
    };
  }

  /** There are few names, and many headers. */
  #nameOf(name: string): Uint8Array {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const bytes = textBuffer(name);
    if (this.#names.size < 1_000) this.#names.set(name, bytes);
    return bytes;
  }
}
