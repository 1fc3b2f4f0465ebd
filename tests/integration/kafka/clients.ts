import { Consumer, Producer } from "@platformatic/kafka";
import type { Publisher } from "@sluice/cqrs";
import {
  kafkaPublisher,
  type KafkaPublishOptions,
  type KafkaReadOptions,
  kafkaSource,
  platformaticPublisher,
  platformaticSource,
} from "@sluice/cqrs/kafka";
import type { Source } from "../../../src/broker/mod.ts";
import { kafkaJs } from "./harness.ts";

/** One of the two clients. */
export interface KafkaClient {
  readonly name: string;
  publisher(bootstrap: string, options?: KafkaPublishOptions): Publisher;
  source(bootstrap: string, options: KafkaReadOptions): Source;
}

/** Both clients. */
export const kafkaClients: readonly KafkaClient[] = [
  {
    name: "kafkajs",
    publisher: (bootstrap, options) => kafkaPublisher(kafkaJs(bootstrap), options),
    source: (bootstrap, options) => kafkaSource(kafkaJs(bootstrap), options),
  },
  {
    name: "platformatic",
    publisher: (bootstrap, options) =>
      platformaticPublisher(
        (settings) => new Producer({ ...baseOf(bootstrap), ...settings }),
        options,
      ),
    source: (bootstrap, options) =>
      platformaticSource(
        (settings) => new Consumer({ ...baseOf(bootstrap), ...settings }),
        options,
      ),
  },
];

function baseOf(bootstrap: string) {
  return { clientId: "tests", bootstrapBrokers: [bootstrap] };
}
