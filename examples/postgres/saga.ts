/**
 * Sagas on Postgres, through pg. Each step is one statement more, with the messages that it emits; no
 * connection is held while a step runs. A step that writes to this database does so once for each
 * idempotency key. Any process on the database can go on with a saga, or decide about it.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/saga.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { saga, sagaRecovery, type StepContext } from "@sluice/cqrs/saga";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";

const order = type<{ item: string; cents: number }>();
const Sent = notification("order.sent", { topic: "orders", data: order });

const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
pool.on("error", (error) => console.error(error.message)); // else pg ends the process when a connection is lost
await pool.query("create table payments (key text primary key, cents int, is_refunded boolean)");

/** Takes the money. Whoever asks again with the same key gets nothing done. */
async function charge({ cents }: { cents: number }, { idempotencyKey }: StepContext) {
  const text = "insert into payments values ($1, $2, false) on conflict do nothing";
  await pool.query(text, [idempotencyKey, cents]);
  return { payment: idempotencyKey };
}

const Order = saga("order", { version: 1, context: order })
  .step("charge", {
    act: charge,
    compensate: async (_order, { idempotencyKey }) =>
      await pool.query("update payments set is_refunded = true where key = $1", [idempotencyKey]),
  })
  .waitFor("packed", { data: type<{ kilograms: number }>() })
  .step("send", ({ item, cents, kilograms }, { emit }) => {
    if (kilograms > 100) throw new Error("No courier carries that");
    emit(Sent({ item, cents }));
  });

const storage = postgresStorage(fromPg(pool));
await storage.migrate(); // at every start, by any number of processes

const app = bootstrap(handlers().saga(Order), { storage });
const warehouse = bootstrap(handlers().saga(Order), { storage }); // another process, in earnest

for (const [id, item] of [["o1", "lamp"], ["o2", "piano"]] as const) {
  const { status } = await app.send(Order({ item, cents: 900 }, { id }));
  console.log(`${id} is ${status}`);
}
await warehouse.sagas.signal("o1", "packed", { kilograms: 2 });
await warehouse.sagas.signal("o2", "packed", { kilograms: 300 });
const { completed, compensated } = await sagaRecovery(warehouse).tick({ budgetMs: 20_000 });
console.log(`Completed: ${completed}, compensated: ${compensated}`);

for (const { id, status, error } of await app.sagas.list({ name: "order" })) {
  console.log(`${id} is ${status}${error === undefined ? "" : ` (${error})`}`);
}
const { rows } = await pool.query("select * from payments order by key");
for (const { key, is_refunded } of rows) console.log(`${key}: refunded ${is_refunded}`);

const broker = memoryBroker(); // in earnest, an adapter for Kafka, RabbitMQ, …
await outboxRelay({ storage, broker }).tick({ budgetMs: 20_000 });
console.log(`Published: ${broker.messages("orders").map(({ type }) => type)}`);
await pool.end();
