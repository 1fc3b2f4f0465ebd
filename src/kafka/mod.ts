/**
 * Publishing to and reading from Apache Kafka, through the package `kafkajs`, or through
 * `@platformatic/kafka`, which is faster and maintained. It imports neither: the application hands over
 * the client that it has, with its TLS and SASL.
 *
 * @example From one service to another
 * ```ts ignore
 * import { kafkaPublisher, kafkaSource } from "@sluice/cqrs/kafka";
 * import { Kafka } from "kafkajs";
 *
 * const kafka = new Kafka({ brokers: ["localhost:9092"] });
 * const relay = outboxRelay({ source: storage, broker: kafkaPublisher(kafka) });
 *
 * for await (const delivery of kafkaSource(kafka, { groupId: "billing" }).subscribe({ topics })) {
 *   await handle(delivery.envelope);
 *   await delivery.ack();
 * }
 * ```
 *
 * @module
 */

export type { KafkaReadOptions } from "./group_source.ts";
export type {
  KafkaJsClient,
  KafkaJsConsumer,
  KafkaJsMessage,
  KafkaJsProducer,
} from "./kafkajs_client.ts";
export { kafkaPublisher, type KafkaPublisherOptions } from "./kafka_publisher.ts";
export { kafkaSource, type KafkaSourceOptions } from "./kafka_source.ts";
export type {
  PlatformaticBatch,
  PlatformaticConsumer,
  PlatformaticFetched,
  PlatformaticMetadata,
  PlatformaticProducer,
} from "./platformatic_client.ts";
export {
  type PlatformaticProducerSettings,
  platformaticPublisher,
  type PlatformaticPublisherOptions,
} from "./platformatic_publisher.ts";
export { type PlatformaticConsumerSettings, platformaticSource } from "./platformatic_source.ts";
export type { KafkaPublishOptions } from "./publisher_options.ts";
