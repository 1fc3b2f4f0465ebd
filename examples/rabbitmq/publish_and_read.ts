/**
 * Publishes notifications to RabbitMQ, and reads them as two groups: each gets all of them.
 *
 * Run it: RABBITMQ_URL=amqp://guest:guest@localhost deno run --allow-env --allow-net --allow-read --allow-sys examples/rabbitmq/publish_and_read.ts
 */

// deno-lint-ignore-file no-console -- this program talks to people

import { jsonCodec, notification, toEnvelope, type } from "@sluice/cqrs";
import { rabbitmqPublisher, rabbitmqSource } from "@sluice/cqrs/rabbitmq";

const OrderPlaced = notification("order.placed", {
  topic: "shop.orders",
  data: type<{ order: string; total: number }>(),
  key: ({ order }) => order,
});

const connection = Deno.env.get("RABBITMQ_URL") ?? "amqp://guest:guest@localhost";
const groups = ["billing", "shipping"].map((group) => rabbitmqSource({ connection, group }));
const subscriptions = groups.map((source) => source.subscribe({ topics: [OrderPlaced.topic] }));
// A group gets what is published from now on.
await Promise.all(subscriptions.map(({ ready }) => ready));

const publisher = rabbitmqPublisher({ connection });
const orders = [OrderPlaced({ order: "A1", total: 60 }), OrderPlaced({ order: "A2", total: 49 })];
const envelopes = await Promise.all(
  orders.map((order) => toEnvelope(order, { codec: jsonCodec(), source: "/shop" })),
);
const results = await publisher.publish(envelopes);
console.log(`confirmed: ${results.filter(({ ok }) => ok).length} of ${results.length}`);

for (const [n, subscription] of subscriptions.entries()) {
  let left = orders.length;
  for await (const { envelope, ack } of subscription) {
    console.log(
      `${n === 0 ? "billing" : "shipping"} got ${new TextDecoder().decode(envelope.body)}`,
    );
    await ack();
    if (--left === 0) break;
  }
}

await publisher[Symbol.asyncDispose]();
for (const source of groups) await source[Symbol.asyncDispose]();
