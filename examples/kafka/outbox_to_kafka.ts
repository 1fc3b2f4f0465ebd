/**
 * The outbox and Kafka: what a handler writes and what it publishes commit together, and a relay
 * publishes it to Kafka, in the order of its keys. A consumer group reads it.
 *
 * With `@platformatic/kafka` only the lines with `Kafka` are others: see `@sluice/cqrs/kafka`.
 *
 * Run it, with a topic `account_events` on the broker:
 * KAFKA_BOOTSTRAP=localhost:9092 deno run --allow-env --allow-net --allow-sys examples/kafka/outbox_to_kafka.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, notification } from "@sluice/cqrs";
import { kafkaPublisher, kafkaSource } from "@sluice/cqrs/kafka";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { Kafka, logLevel } from "kafkajs";
import { z } from "zod";

const movement = z.object({ account: z.string(), amount: z.number() });
const Move = command("account.move", movement);
const Moved = notification("account.moved", {
  topic: "account_events",
  data: movement,
  key: ({ account }) => account, // which partition it goes to: the order is kept for each account
});

// In memory, so that Kafka is all that it needs. On Postgres only this line is another.
const storage = memoryStorage({ notifications: [Moved] });
const app = bootstrap(
  handlers().use(transactional(storage)).on(Move, async ({ account, amount }, { tx, emit }) => {
    const before = await tx.client.get(account);
    tx.client.set(account, (typeof before === "number" ? before : 0) + amount);
    emit(Moved({ account, amount }));
  }),
);

// TLS and SASL, retries and time-outs are settings of the client.
const kafka = new Kafka({
  brokers: [Deno.env.get("KAFKA_BOOTSTRAP") ?? "localhost:9092"],
  logLevel: logLevel.ERROR,
});

await app.send(Move({ account: "ada", amount: 50 }));
await app.send(Move({ account: "ada", amount: -20 }));
console.log(`Stored: ${(await storage.outbox.statistics()).pending} messages`);

const broker = kafkaPublisher(kafka);
const { published } = await outboxRelay({ storage, broker }).tick({ budgetMs: 10_000 });
console.log(`Published: ${published} messages`);
await broker[Symbol.asyncDispose]();

// A group that is new begins with the oldest message.
const source = kafkaSource(kafka, { groupId: `audit-${crypto.randomUUID()}` });
let read = 0;
for await (const delivery of source.subscribe({ topics: ["account_events"] })) {
  const { type, key, body } = delivery.envelope;
  console.log(`Read: ${type} of ${key}: ${new TextDecoder().decode(body)}`);
  await delivery.ack(); // until then it comes again, to whoever reads the partition then
  if (++read === 2) break;
}
await source[Symbol.asyncDispose]();
await storage[Symbol.asyncDispose]();
