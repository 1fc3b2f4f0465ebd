/**
 * Measures publishing to a real RabbitMQ with confirms: the library against its client used by hand, in
 * turn within one run, on queues of the same kind. Prints the rates and their ratio.
 *
 * Run it: deno task bench:rabbitmq
 */

// deno-lint-ignore-file no-console

import { AMQPClient } from "@cloudamqp/amqp-client";
import { rabbitmqPublisher, rabbitmqSource } from "@sluice/cqrs/rabbitmq";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { plainMessage } from "../../../src/testing/broker_messages.ts";

const BATCH = 500;
const BATCHES = 10;
const ROUNDS = 7;

const server = await startRabbitmq({ isOwn: true });
const { url: connection } = server;
const source = rabbitmqSource({ connection, group: "bench" });
for (const topic of ["raw", "sluice"]) {
  const subscription = source.subscribe({ topics: [topic] });
  await subscription.ready;
  await subscription[Symbol.asyncDispose]();
}
const publisher = rabbitmqPublisher({ connection });
const client = new AMQPClient(connection);
await client.connect();
client.socket?.setNoDelay(true);
const channel = await client.channel();
await channel.confirmSelect();

const text = "x".repeat(200);

function messagesOf(topic: string) {
  return Array.from({ length: BATCH }, (_, n) => plainMessage(topic, text, `key ${n % 50}`));
}

async function byHand(): Promise<void> {
  const messages = messagesOf("raw");
  for (let n = 0; n < BATCHES; n++) {
    await Promise.all(
      messages.map((message) =>
        channel.basicPublish("raw", message.type, message.body, {
          contentType: message.contentType,
          deliveryMode: 2,
          messageId: message.id,
          headers: {
            cloudEvents_specversion: "1.0",
            cloudEvents_id: message.id,
            cloudEvents_source: message.source,
            cloudEvents_type: message.type,
            cloudEvents_time: message.time.toISOString(),
            cloudEvents_partitionkey: message.key,
            cloudEvents_correlationid: message.correlationId,
          },
        }, true)
      ),
    );
  }
}

async function bySluice(): Promise<void> {
  const messages = messagesOf("sluice");
  for (let n = 0; n < BATCHES; n++) {
    const results = await publisher.publish(messages);
    if (results.some(({ ok }) => !ok)) throw new Error("A message was not confirmed");
  }
}

async function rateOf(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return BATCH * BATCHES / (performance.now() - started) * 1_000;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

await rateOf(byHand);
await rateOf(bySluice);
const raw: number[] = [];
const sluice: number[] = [];
for (let n = 0; n < ROUNDS; n++) {
  raw.push(await rateOf(byHand));
  sluice.push(await rateOf(bySluice));
}
const ratios = sluice.map((rate, n) => rate / (raw[n] ?? NaN));
console.log(`by hand ${Math.round(median(raw))}/s, Sluice ${Math.round(median(sluice))}/s`);
console.log(
  `median of the ratios ${median(ratios).toFixed(2)} (${
    ratios.map((r) => r.toFixed(2)).join(", ")
  })`,
);

await publisher[Symbol.asyncDispose]();
await source[Symbol.asyncDispose]();
await client.close();
await server.stop();
