import assert from "node:assert/strict";
import { deadLetterQueueOf, declareQueue, queueOf } from "../../../src/rabbitmq/topology.ts";
import { FakeServer } from "./fake_server.ts";

Deno.test("queueOf() gives each group and topic a queue of its own", () => {
  const pairs = [["a", "b"], ["a:b", "c"], ["a", "b:c"], ["a%3Ab", "c"], ["a%", "b"]] as const;
  const queues = pairs.map(([group, topic]) => queueOf(group, topic));
  assert.deepEqual(queues, ["a:b", "a%3Ab:c", "a:b:c", "a%253Ab:c", "a%25:b"]);
  assert.equal(new Set(queues).size, pairs.length);
});

Deno.test("deadLetterQueueOf() names the queue after that of the group", () => {
  assert.equal(deadLetterQueueOf("a:b"), "a:b:dead");
});

Deno.test("declareQueue() makes the queue of dead letters first, and none if they are dropped", async () => {
  const server = new FakeServer();
  const client = await server.connection().connect();
  const channel = await client.channel();
  const rest = { isOrdered: true, deliveryLimit: 5 };
  await declareQueue(channel, "g", "t", { ...rest, deadLetters: "queue" });
  await declareQueue(channel, "h", "t", { ...rest, deadLetters: "drop" });
  await declareQueue(channel, "i", "t", { ...rest, deadLetters: { exchange: "own" } });
  assert.deepEqual(server.asked.slice(2), [
    "queueDeclare g:t:dead",
    "queueDeclare g:t",
    "queueBind g:t",
    "queueDeclare h:t",
    "queueBind h:t",
    "queueDeclare i:t",
    "queueBind i:t",
  ]);
});
