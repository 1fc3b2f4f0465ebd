/**
 * A relay that asks the database for nothing: the log of the server tells it what was committed, about
 * a millisecond later, and the messages stand in no table. The server needs `wal_level = logical`, and
 * the role the attribute `REPLICATION`.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/outbox_log_tail.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification } from "@sluice/cqrs";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { postgresLogTail } from "@sluice/cqrs/postgres-log";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { z } from "zod";

const parcel = z.object({ id: z.string(), scale: z.string(), grams: z.number() });
const Weigh = command("parcel.weigh", parcel);
const Weighed = notification("parcel.weighed", {
  topic: "parcels",
  data: parcel,
  key: ({ scale }) => scale, // order is kept for each scale
});

const connection = Deno.env.get("DATABASE_URL") ?? "postgres://localhost/postgres";
const pool = new pg.Pool({ connectionString: connection });
pool.on("error", (error) => console.error(error.message));
await pool.query("create table if not exists parcels (id text primary key, grams integer)");

const storage = postgresStorage(fromPg(pool), { appendTo: "log" }); // or "table", which outlives the slot
const source = postgresLogTail({ storage, connection, slot: "sluice_example_log_tail" });
await storage.migrate();
await source.prepare(); // the slot, from which on nothing is missed; again at every start

const app = bootstrap(
  handlers().use(transactional(storage)).on(Weigh, async (weighed, { tx, emit }) => {
    emit(Weighed(weighed));
    await tx.client.query("insert into parcels values ($1, $2)", [weighed.id, weighed.grams]);
  }),
);
const weigh = (id: string, grams: number) => app.send(Weigh({ id, scale: "s1", grams }));
const id = crypto.randomUUID();
await weigh(id, 250);
await weigh(id, 300).catch(({ code }) => console.log(`Rolled back, so not published: ${code}`));

// What a health check would tell: a slot that nobody reads makes the server keep its log.
const { isActive, retainedBytes } = await source.status();
console.log(
  `Somebody reads the slot: ${isActive}, the server keeps log for it: ${retainedBytes > 0}`,
);

const broker = memoryBroker();
let published = 0;
const arrived = Promise.withResolvers<void>();
const relay = outboxRelay({
  source,
  broker,
  observer: ({ type }) => type === "published" && ++published === 2 && arrived.resolve(),
});
const running = relay.run(); // what was committed before it ran is in the log
await weigh(crypto.randomUUID(), 500);
await arrived.promise;
console.log(`Somebody reads the slot: ${(await source.status()).isActive}`);
await running[Symbol.asyncDispose]();
const bodies = broker.messages("parcels").map(({ body }) => new TextDecoder().decode(body));
console.log(`Published: ${bodies.map((body) => `${JSON.parse(body).grams} g`).join(", ")}`);

await source.drop(); // only where it is not used any more: nothing else frees the log
const lost = await source.status().catch((error) => error);
console.log(`Without the slot: ${lost.name}`);
await pool.end();
