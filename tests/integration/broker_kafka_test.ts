import { kafkaPublisher, kafkaSource } from "@sluice/cqrs/kafka";
import { testBroker } from "../conformance/broker_runner.ts";
import { tryStartKafka } from "../services/kafka.ts";
import { kafkaHarness, kafkaJs } from "./kafka/harness.ts";

const kafka = await tryStartKafka();

if (kafka !== undefined) {
  Deno.test.afterAll(() => kafka.stop());

  testBroker("kafkaPublisher() and kafkaSource():", {
    hasTimers: true,
    refuses: true,
    harness: () =>
      kafkaHarness(kafka, {
        publisher: () => kafkaPublisher(kafkaJs(kafka.bootstrap)),
        source: (groupId) => kafkaSource(kafkaJs(kafka.bootstrap), { groupId }),
      }),
  });
}
