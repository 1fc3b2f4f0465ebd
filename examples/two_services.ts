/**
 * Two services that talk by messages: a shop that takes orders, and a shipping service that books
 * parcels. Each has a database and an outbox of its own, and neither waits for the other. All that
 * belongs to one order has its correlation id.
 *
 * The broker and the storages are in memory here, and both services in one process. With Kafka and
 * Postgres only the lines that create them are others.
 *
 * Run it: deno run examples/two_services.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  command,
  handlers,
  memoryBroker,
  notification,
  query,
  type,
} from "@sluice/cqrs";
import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { z } from "zod";

const broker = memoryBroker();

// What the services have in common is the contract of their messages.
const OrderPlaced = notification("order.placed", {
  topic: "orders",
  data: z.object({ order: z.string(), address: z.string() }),
  key: ({ order }) => order,
});
const ParcelBooked = notification("parcel.booked", {
  topic: "parcels",
  data: z.object({ order: z.string(), parcel: z.string() }),
  key: ({ order }) => order,
});

/** The shop. */
function shop() {
  const PlaceOrder = command("order.place", z.object({ order: z.string(), address: z.string() }));
  const ReadOrder = query("order.read", z.object({ order: z.string() })).returns<string>();
  const storage = memoryStorage();
  const orders = handlers().use(transactional(storage))
    .on(PlaceOrder, ({ order, address }, { tx, emit }) => {
      tx.client.set(order, "placed");
      emit(OrderPlaced({ order, address }));
    })
    .on(ParcelBooked, ({ order, parcel }, { tx, metadata }) => {
      tx.client.set(order, `on its way as ${parcel}`);
      console.log(`  shop: ${order} has ${parcel}, in conversation ${metadata.correlationId}`);
    })
    .on(ReadOrder, async ({ order }, { tx }) => String(await tx.client.get(order)));
  const app = bootstrap(orders, { source: "/shop" });
  const relay = outboxRelay({ storage, broker });
  const consumer = eventConsumer({
    source: memorySource(broker),
    topics: ["parcels"],
    app,
    storage,
    consumer: "shop",
  });
  return { app, relay, consumer, PlaceOrder, ReadOrder };
}

/** The shipping service. */
function shipping() {
  const BookParcel = command("parcel.book", type<{ order: string; address: string }>())
    .returns<string>();
  const storage = memoryStorage();
  let parcels = 0;
  const parcelsOf = handlers().use(transactional(storage))
    .on(OrderPlaced, async ({ order, address }, { send, emit, metadata }) => {
      const parcel = await send(BookParcel({ order, address }));
      console.log(`  shipping: ${parcel} to ${address}, in conversation ${metadata.correlationId}`);
      emit(ParcelBooked({ order, parcel }));
    })
    .on(BookParcel, ({ order, address }, { tx }) => {
      const parcel = `P${++parcels}`;
      tx.client.set(parcel, { order, address });
      return parcel;
    });
  const app = bootstrap(parcelsOf, { source: "/shipping" });
  const relay = outboxRelay({ storage, broker });
  const consumer = eventConsumer({
    source: memorySource(broker),
    topics: ["orders"],
    app,
    storage,
    consumer: "shipping",
  });
  return { relay, consumer };
}

const { app, PlaceOrder, ReadOrder, ...shopJobs } = shop();
const shippingJobs = shipping();

/** Does once what the services do all the time; in earnest each runs its own: `relay.run()`, `consumer.run()`. */
async function work() {
  await shopJobs.relay.tick({ budgetMs: 10_000 });
  await shippingJobs.consumer.tick({ budgetMs: 10_000, idleMs: 0 });
  await shippingJobs.relay.tick({ budgetMs: 10_000 });
  await shopJobs.consumer.tick({ budgetMs: 10_000, idleMs: 0 });
}

console.log("Ada orders while the shipping service is down");
await app.send(
  PlaceOrder({ order: "o1", address: "12 Crescent Road" }, { id: "c1", correlationId: "ada-1" }),
);
console.log(`  o1 is ${await app.send(ReadOrder({ order: "o1" }))}`);
console.log("It is up again");
await work();
console.log(`  o1 is ${await app.send(ReadOrder({ order: "o1" }))}`);
console.log("The broker delivers everything once more: nothing is done twice");
const [placed] = broker.messages("orders");
const [booked] = broker.messages("parcels");
if (placed !== undefined && booked !== undefined) await broker.publish([placed, booked]);
await work();
console.log(`  o1 is ${await app.send(ReadOrder({ order: "o1" }))}`);
console.log(`  ${broker.messages("parcels").length} messages of parcels, one of them a repetition`);
