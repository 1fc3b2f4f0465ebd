import type { Publisher } from "@sluice/cqrs";
import type { Source } from "../../../src/broker/mod.ts";
import type { BrokerHarness } from "@sluice/cqrs/testing";
import { Kafka, logLevel } from "kafkajs";
import { Buffer } from "node:buffer";
import { plainMessage } from "../../../src/testing/broker_messages.ts";
import type { KafkaServer } from "../../services/kafka.ts";

/** What the two clients differ in. */
export interface KafkaParts {
  publisher(): Publisher;
  source(group: string): Source;
}

/** A client that says nothing. */
export function kafkaJs(bootstrap: string): Kafka {
  return new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
}

/** What the cases of brokers need, on a real Kafka. */
export function kafkaHarness(kafka: KafkaServer, parts: KafkaParts): BrokerHarness {
  const publisher = parts.publisher();
  const sources: Source[] = [];
  return {
    publisher,
    createTopic: () => kafka.createTopic(),
    source(group) {
      const source = parts.source(group);
      sources.push(source);
      return source;
    },
    async publishRaw(topic, body) {
      const producer = kafkaJs(kafka.bootstrap).producer({
        createPartitioner: () => () => 0,
      });
      await producer.connect();
      await producer.send({ topic, messages: [{ value: Buffer.from(body) }] });
      await producer.disconnect();
    },
    async refused() {
      const topic = await kafka.createTopic({ settings: { "max.message.bytes": "1000" } });
      return plainMessage(topic, "x".repeat(2_000), "large");
    },
    async [Symbol.asyncDispose]() {
      for (const source of sources) await source[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}
