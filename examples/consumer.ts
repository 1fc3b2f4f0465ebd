/**
 * A consumer: messages of a broker, each handled once. What its handlers write, what they publish and
 * the record that the message was handled commit together, so a broker may deliver twice and a
 * handler may fail on the way.
 *
 * The broker and the storage are in memory here. With Kafka, RabbitMQ, Postgres or Deno KV only the
 * lines that create them are others.
 *
 * Run it: deno run examples/consumer.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification } from "@sluice/cqrs";
import { type ConsumerEvent, eventConsumer, memorySource } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { z } from "zod";

const order = z.object({ id: z.string(), customer: z.string(), cents: z.int() });
const OrderPlaced = notification("order.placed", {
  topic: "orders",
  data: order,
  key: ({ customer }) => customer, // the orders of a customer are handled one after the other
});
const SendInvoice = command("invoice.send", order); // whoever may, asks for it by a message
const InvoiceSent = notification("invoice.sent", {
  topic: "invoices",
  data: z.object({ order: z.string(), cents: z.int() }),
});

const storage = memoryStorage();
let isMailDown = true;

const app = bootstrap(
  handlers().use(transactional(storage))
    .on(OrderPlaced, async ({ id, customer, cents }, { tx, send }) => {
      const total = Number(await tx.client.get(customer) ?? 0) + cents;
      tx.client.set(customer, total); // undone with everything else when something fails
      await send(SendInvoice({ id, customer, cents })); // joins the transaction
    })
    .on(SendInvoice, ({ id, customer, cents }, { emit }) => {
      if (customer === "Cleo") throw new RangeError("Cleo has no address");
      if (isMailDown && customer === "Bob") throw new Error("The mail server does not answer");
      emit(InvoiceSent({ order: id, cents })); // published by a relay once all of it is committed
    }),
);

function describe(event: ConsumerEvent): string {
  switch (event.type) {
    case "failed":
      isMailDown = false; // it is back for the next attempt
      return `failed, attempt ${event.attempt}: ${(event.error as Error).message}`;
    case "dead_lettered":
      return `given up after ${event.attempts} attempts: ${(event.error as Error).message}`;
    case "handled":
      return `handled at attempt ${event.attempts}`;
    default:
      return event.type;
  }
}

/** What happened to each message; messages of different keys are handled at the same time. */
const story: { readonly id: string; readonly text: string }[] = [];

const broker = memoryBroker();
const consumer = eventConsumer({
  source: memorySource(broker),
  topics: ["orders", "requests"],
  app,
  storage,
  consumer: "invoicing", // all processes with this name share the work
  retry: {
    maxAttempts: 3,
    backoff: () => 0, // in earnest: longer and longer delays
    when: (error) => !(error instanceof RangeError), // what will never work is given up at once
  },
  observer: (event) => {
    const id = "envelope" in event ? event.envelope.id : "";
    story.push({ id, text: describe(event) });
  },
});

// Another service publishes: one message twice, one that nobody can read, and a command.
const outbox = memoryStorage();
const relay = outboxRelay({ storage: outbox, broker });
const ada = OrderPlaced({ id: "o1", customer: "Ada", cents: 500 }, { id: "m1" });
await outbox.outbox.store([
  ada,
  ada,
  OrderPlaced({ id: "o2", customer: "Bob", cents: 700 }, { id: "m2" }),
  OrderPlaced({ id: "o3", customer: "Cleo", cents: 900 }, { id: "m3" }),
]);
await relay.tick({ budgetMs: 10_000 });
await broker.publish([
  { ...envelope("m4", "order.placed", "orders"), body: new TextEncoder().encode("{") },
  {
    ...envelope("m5", "invoice.send", "requests"),
    body: new TextEncoder().encode('{"id":"o4","customer":"Dan","cents":100}'),
  },
]);

console.log("The consumer works until nothing comes any more");
const report = await consumer.tick({ budgetMs: 10_000, idleMs: 0 }); // or consumer.run() in a process that lives on
story.sort((a, b) => a.id.localeCompare(b.id));
for (const { id, text } of story) console.log(`  ${id}: ${text}`);
console.log(JSON.stringify(report));

console.log("What was written, and what waits for the relay");
for (const customer of ["Ada", "Bob", "Cleo"]) {
  console.log(
    `  ${customer}: ${await storage.transaction((tx) => tx.client.get(customer)) ?? "nothing"}`,
  );
}
await outboxRelay({ storage, broker }).tick({ budgetMs: 10_000 });
for (const { body } of broker.messages("invoices")) {
  console.log(`  ${new TextDecoder().decode(body)}`);
}

console.log("What was given up");
const letters = await storage.inbox.deadLetters.list({ consumer: "invoicing" });
for (const { envelope, error } of letters) {
  console.log(`  ${envelope.id}: ${error.split(";")[0]}`); // and its causes
}

/** What belongs around the body of a message of another service. */
function envelope(id: string, type: string, topic: string) {
  return {
    id,
    type,
    topic,
    source: "/shop",
    time: new Date(),
    correlationId: id,
    contentType: "application/json",
    headers: {},
  };
}
