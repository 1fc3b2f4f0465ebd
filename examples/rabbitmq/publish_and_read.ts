/**
 * Publishes notifications to RabbitMQ, and reads them as three groups: each gets all of them. Two groups
 * read by hand. The third is a consumer, which handles each once, though one is published twice.
 *
 * Run it: RABBITMQ_URL=amqp://guest:guest@localhost deno run --allow-env --allow-net --allow-read --allow-sys examples/rabbitmq/publish_and_read.ts
 */

// deno-lint-ignore-file no-console -- this program talks to people

import { bootstrap, handlers, jsonCodec, notification, toEnvelope, type } from "@sluice/cqrs";
import { eventConsumer } from "@sluice/cqrs/consumer";
import { transactional } from "@sluice/cqrs/outbox";
import { rabbitmqPublisher, rabbitmqSource } from "@sluice/cqrs/rabbitmq";
import { memoryStorage } from "@sluice/cqrs/storage";

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

const storage = memoryStorage(); // in earnest: Postgres or Deno KV
const app = bootstrap(
  handlers().use(transactional(storage)).on(OrderPlaced, async ({ total }, { tx }) => {
    // Takes effect together with the record that the message was handled.
    tx.client.set("revenue", Number(await tx.client.get("revenue") ?? 0) + total);
  }),
);
const revenue = rabbitmqSource({ connection, group: "revenue" });
const consumer = eventConsumer({
  source: revenue,
  topics: [OrderPlaced.topic],
  app,
  storage,
  consumer: "revenue",
});
await consumer.tick({ budgetMs: 10_000, idleMs: 0 }); // so that its queue is there

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

await publisher.publish(envelopes.slice(0, 1)); // as a producer does that has seen no confirmation
const { handled, duplicates } = await consumer.tick({ budgetMs: 10_000 }); // or consumer.run()
const total = await storage.transaction((tx) => tx.client.get("revenue"));
console.log(`revenue handled ${handled}, knew ${duplicates} already, and comes to ${total}`);

await publisher[Symbol.asyncDispose]();
for (const source of [...groups, revenue]) await source[Symbol.asyncDispose]();
