import { testBroker } from "../conformance/broker_runner.ts";
import { tryStartRabbitmq } from "../services/rabbitmq.ts";
import { rabbitmqHarness } from "../services/rabbitmq_harness.ts";

const server = await tryStartRabbitmq();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testBroker("rabbitmqPublisher() and rabbitmqSource()", {
    refuses: true,
    harness: () => rabbitmqHarness(server.url),
  });
}
