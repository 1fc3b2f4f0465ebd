import { Consumer, Producer } from "@platformatic/kafka";
import { platformaticPublisher, platformaticSource } from "@sluice/cqrs/kafka";
import { testBroker } from "../conformance/broker_runner.ts";
import { tryStartKafka } from "../services/kafka.ts";
import { kafkaHarness } from "./kafka/harness.ts";

const kafka = await tryStartKafka();

if (kafka !== undefined) {
  Deno.test.afterAll(() => kafka.stop());

  const base = { clientId: "tests", bootstrapBrokers: [kafka.bootstrap] };
  testBroker("platformaticPublisher() and platformaticSource():", {
    hasTimers: true,
    refuses: true,
    harness: () =>
      kafkaHarness(kafka, {
        publisher: () =>
          platformaticPublisher((settings) => new Producer({ ...base, ...settings })),
        source: (groupId) =>
          platformaticSource((settings) => new Consumer({ ...base, ...settings }), { groupId }),
      }),
  });
}
