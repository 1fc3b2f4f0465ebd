// Reads as a member of a group, and prints what it acknowledges: a line for each.
import type { KafkaClient } from "./clients.ts";
import { kafkaClients } from "./clients.ts";
import { textOf } from "../../../src/testing/broker_messages.ts";

const [name, bootstrap = "", groupId = "", topic = ""] = Deno.args;
const client = kafkaClients.find((each: KafkaClient) => each.name === name);
const source = client?.source(bootstrap, { groupId, sessionTimeoutMs: 6_000 });
for await (const delivery of source?.subscribe({ topics: [topic] }) ?? []) {
  await delivery.ack();
  await Deno.stdout.write(new TextEncoder().encode(`${textOf(delivery)}\n`));
}
