/**
 * From Kafka to a consumer: each message of a topic is handled once, in a transaction with its record
 * in the inbox. A message that fails is tried again while the other partitions flow, and is a dead
 * letter in the end, which is handled once more when the reason is gone.
 *
 * With `@platformatic/kafka` only the lines with `Kafka` are others: see `@sluice/cqrs/kafka`.
 *
 * Run it, with a topic `payment_events` on the broker:
 * KAFKA_BOOTSTRAP=localhost:9092 deno run --allow-env --allow-net --allow-sys examples/kafka/consumer.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, jsonCodec, notification, toEnvelope } from "@sluice/cqrs";
import { eventConsumer } from "@sluice/cqrs/consumer";
import { kafkaPublisher, kafkaSource } from "@sluice/cqrs/kafka";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { Kafka, logLevel } from "kafkajs";
import { z } from "zod";

const Paid = notification("payment.made", {
  topic: "payment_events",
  data: z.object({ account: z.string(), cents: z.int() }),
  key: ({ account }) => account,
});

const kafka = new Kafka({
  brokers: [Deno.env.get("KAFKA_BOOTSTRAP") ?? "localhost:9092"],
  logLevel: logLevel.ERROR,
});

// Another service publishes, one of them twice.
const payments = [["ada", 500], ["bob", 700], ["ada", 250]] as const;
const messages = await Promise.all(
  payments.map(([account, cents]) =>
    toEnvelope(Paid({ account, cents }), { codec: jsonCodec(), source: "/shop" })
  ),
);
const publisher = kafkaPublisher(kafka);
const results = await publisher.publish([...messages, ...messages.slice(0, 1)]);
console.log(`Published: ${results.filter(({ ok }) => ok).length} messages`);
await publisher[Symbol.asyncDispose]();

// In memory, so that Kafka is all that it needs. On Postgres only this line is another.
const storage = memoryStorage();
let isBobBlocked = true;
const app = bootstrap(
  handlers().use(transactional(storage)).on(Paid, async ({ account, cents }, { tx }) => {
    if (isBobBlocked && account === "bob") throw new Error("The account is blocked");
    tx.client.set(account, Number(await tx.client.get(account) ?? 0) + cents);
  }),
);

const all = Promise.withResolvers<void>();
let settled = 0;
const consumer = eventConsumer({
  source: kafkaSource(kafka, { groupId: `ledger-${crypto.randomUUID()}` }),
  topics: ["payment_events"],
  app,
  storage,
  consumer: "ledger", // its processes share the partitions
  retry: { maxAttempts: 2, backoff: () => 10 }, // in earnest: more, and longer and longer delays
  observer: ({ type }) => {
    if (type === "failed") console.log("An attempt failed");
    if (type === "handled" || type === "duplicate" || type === "dead_lettered") settled++;
    if (settled === 4) all.resolve();
  },
});
const running = consumer.run(); // `tick` from a cron or a route, where no process lives on
await all.promise;
await running[Symbol.asyncDispose](); // what is under way is finished first

const balanceOf = (account: string) => storage.transaction((tx) => tx.client.get(account));
console.log(`ada: ${await balanceOf("ada")}, bob: ${await balanceOf("bob") ?? "nothing"}`);
const dead = await storage.inbox.deadLetters.list({ consumer: "ledger" });
for (const { error, attempts } of dead) {
  console.log(`Given up after ${attempts} attempts: ${error}`);
}
console.log("The account is open again");
isBobBlocked = false;
await consumer.redeliver(dead.map(({ envelope }) => envelope.id));
console.log(`ada: ${await balanceOf("ada")}, bob: ${await balanceOf("bob")}`);
