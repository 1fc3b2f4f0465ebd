/**
 * Protobuf from a broker: a consumer reads events in protobuf and in JSON from one topic, each with
 * the codec of its own, hands them to the handlers once, and keeps what it cannot read with its bytes.
 *
 * The broker is in memory here. With Kafka or RabbitMQ, and with a schema registry, only the lines that
 * create them are others: see `registryProtobufCodec`.
 *
 * Run it: deno run examples/protobuf/consumer.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { protobufCodec, protobufData } from "@sluice/cqrs/protobuf";
import { memoryStorage } from "@sluice/cqrs/storage";
import { create } from "@bufbuild/protobuf";
import { OrderPlacedSchema } from "./order_events_pb.ts";

const OrderPlaced = notification("order.placed", {
  topic: "orders",
  data: protobufData(OrderPlacedSchema),
  key: ({ orderId }) => orderId,
  codec: protobufCodec(OrderPlacedSchema),
});
const OrderCancelled = notification("order.cancelled", {
  topic: "orders",
  data: type<{ orderId: string }>(), // in JSON
  key: ({ orderId }) => orderId,
});

// The service that produces them stores both in one outbox.
const broker = memoryBroker();
const shop = memoryStorage();
await shop.outbox.store([
  OrderPlaced(create(OrderPlacedSchema, { orderId: "o1", totalCents: 500n })),
  OrderPlaced(create(OrderPlacedSchema, { orderId: "o2", totalCents: 9_007_199_254_740_993n })),
  OrderCancelled({ orderId: "o1" }),
]);
await outboxRelay({ storage: shop, broker }).tick({ budgetMs: 10_000 });

// Somebody publishes what is no message of this type.
const [placed] = broker.messages("orders");
if (placed !== undefined) {
  await broker.publish([{ ...placed, id: "odd", body: new TextEncoder().encode("What is this?") }]);
}

const storage = memoryStorage();
const app = bootstrap(
  handlers().use(transactional(storage))
    .on(OrderPlaced, ({ orderId, totalCents }, { tx }) => {
      tx.client.set(orderId, totalCents);
      console.log(`  ${orderId} is worth ${totalCents} cents`);
    })
    .on(OrderCancelled, ({ orderId }, { tx }) => {
      tx.client.delete(orderId);
      console.log(`  ${orderId} is cancelled`);
    }),
);
const consumer = eventConsumer({
  source: memorySource(broker, { partitions: 1 }),
  topics: ["orders"],
  app,
  storage,
  consumer: "ledger",
});
const { handled, deadLettered } = await consumer.tick({ budgetMs: 10_000, idleMs: 0 });
console.log(`Handled: ${handled}, given up: ${deadLettered}`);
for (const { envelope, error } of await storage.inbox.deadLetters.list()) {
  console.log(`  ${envelope.id}, ${envelope.body.length} bytes: ${error.split(";")[0]}`);
}
