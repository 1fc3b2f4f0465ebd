/**
 * The outbox on Postgres, through pg: what a handler writes with its own statements and what it
 * publishes are one transaction. Another process would see the messages at once: the storage notifies
 * it, and its relay listens.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/outbox.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification } from "@sluice/cqrs";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { z } from "zod";

const member = z.object({ meetingId: z.string(), userId: z.string() });
const Join = command("meeting.join", member);
const Joined = notification("meeting.joined", {
  topic: "meeting_events",
  data: member,
  key: ({ meetingId }) => meetingId,
});

const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
pool.on("error", (error) => console.error(error.message)); // else pg ends the process when a connection is lost
await pool.query(
  "create table if not exists members (meeting text, person text, unique (meeting, person))",
);

const storage = postgresStorage(fromPg(pool), { notify: true });
await storage.migrate(); // at every start, by any number of processes

const app = bootstrap(
  handlers().use(transactional(storage)).on(Join, async ({ meetingId, userId }, { tx, emit }) => {
    // tx.client is pg's own PoolClient
    await tx.client.query("insert into members values ($1, $2)", [meetingId, userId]);
    emit(Joined({ meetingId, userId }));
  }),
);

const broker = memoryBroker(); // in earnest, an adapter for Kafka, RabbitMQ, …
const arrived = Promise.withResolvers<void>();
const relay = outboxRelay({
  storage,
  broker,
  observer: ({ type }) => type === "published" && arrived.resolve(),
});
const running = relay.run();

const meetingId = crypto.randomUUID();
await app.send(Join({ meetingId, userId: "ada" }));
await arrived.promise;
await app.send(Join({ meetingId, userId: "ada" })).catch((error) => {
  console.log(`Nothing is stored, as the transaction is rolled back: ${error.message}`);
});

await running[Symbol.asyncDispose]();
const { rows } = await pool.query("select person from members where meeting = $1", [meetingId]);
console.log(`Members: ${rows.map(({ person }) => person)}`);
console.log(`Published: ${broker.messages("meeting_events").length}`);
await pool.end();
