/**
 * The outbox in a transaction of Drizzle: the application keeps its queries and its transaction, and
 * the messages are a part of it.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/outbox_drizzle.ts
 */

// deno-lint-ignore-file no-console

import { memoryBroker, notification } from "@sluice/cqrs";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, type PostgresQuery, postgresStorage } from "@sluice/cqrs/postgres";
import { type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { z } from "zod";

const shipments = pgTable("shipments", { id: text().primaryKey(), grams: integer().notNull() });

const Shipped = notification("shipment.left", {
  topic: "shipments",
  data: z.object({ id: z.string(), grams: z.number() }),
  key: ({ id }) => id,
});

const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
pool.on("error", (error) => console.error(error.message));
const db = drizzle(pool);
await db.execute(sql`create table if not exists shipments (id text primary key, grams integer)`);

const storage = postgresStorage(fromPg(pool));
await storage.migrate();

/** What Drizzle's transactions have in common. */
interface Executor {
  execute(query: SQL): PromiseLike<{ rows: Record<string, unknown>[] }>;
}

/** Has the storage write through a transaction of Drizzle, whose parameters stand within the text. */
function queryOf(tx: Executor): PostgresQuery {
  return async (text, parameters = []) => {
    const parts = text.split(/\$(\d+)/).map((part, index) =>
      index % 2 === 0 ? sql.raw(part) : sql`${parameters[Number(part) - 1] ?? null}`
    );
    return (await tx.execute(sql.join(parts))).rows;
  };
}

/** Writes a shipment and what is to be published of it. */
async function ship(id: string, grams: number): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(shipments).values({ id, grams });
    await storage.outbox.append(storage.joinQuery(queryOf(tx)), [Shipped({ id, grams })]);
    if (grams <= 0) throw new RangeError("A shipment weighs something");
  });
  await storage.outbox.wake(); // the relays do not know of transactions that others have opened
}

const id = crypto.randomUUID();
await ship(id, 250);
await ship(crypto.randomUUID(), 0).catch((error) => console.log(`Rolled back: ${error.message}`));

const broker = memoryBroker();
await outboxRelay({ storage, broker }).tick({ budgetMs: 10_000 });
const published = broker.messages("shipments");
console.log(`Published: ${published.length}, the right one: ${published[0]?.key === id}`);
await pool.end();
