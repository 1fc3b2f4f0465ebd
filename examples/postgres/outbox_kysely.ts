/**
 * The outbox in a transaction of Kysely: the application keeps its queries and its transaction, and
 * the messages are a part of it.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/outbox_kysely.ts
 */

// deno-lint-ignore-file no-console

import { memoryBroker, notification } from "@sluice/cqrs";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, type PostgresQuery, postgresStorage } from "@sluice/cqrs/postgres";
import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from "kysely";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { z } from "zod";

interface Database {
  invoices: { id: string; cents: number };
}

const InvoiceSent = notification("invoice.sent", {
  topic: "invoices",
  data: z.object({ id: z.string(), cents: z.number() }),
  key: ({ id }) => id,
});

const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
pool.on("error", (error) => console.error(error.message));
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
await pool.query("create table if not exists invoices (id text primary key, cents integer)");

const storage = postgresStorage(fromPg(pool));
await storage.migrate();

/** Has the storage write through a transaction of Kysely. */
function queryOf(trx: Transaction<Database>): PostgresQuery {
  return async (text, parameters = []) => {
    const { rows } = await trx.executeQuery(CompiledQuery.raw(text, [...parameters]));
    return rows as Awaited<ReturnType<PostgresQuery>>;
  };
}

/** Writes an invoice and what is to be published of it. */
async function send(id: string, cents: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto("invoices").values({ id, cents }).execute();
    await storage.outbox.append(storage.joinQuery(queryOf(trx)), [InvoiceSent({ id, cents })]);
    if (cents <= 0) throw new RangeError("An invoice is about something");
  });
  await storage.outbox.wake(); // the relays do not know of transactions that others have opened
}

const id = crypto.randomUUID();
await send(id, 4_900);
await send(crypto.randomUUID(), 0).catch((error) => console.log(`Rolled back: ${error.message}`));

const broker = memoryBroker();
await outboxRelay({ storage, broker }).tick({ budgetMs: 10_000 });
const published = broker.messages("invoices");
console.log(`Published: ${published.length}, the right one: ${published[0]?.key === id}`);
await db.destroy();
