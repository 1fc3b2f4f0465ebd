/**
 * Measures a consumer with its inbox on Postgres against the same two statements in a transaction by hand,
 * each in turn within one run. The broker is in memory, so that it costs next to nothing. Prints a table;
 * read the ratios.
 *
 * Run it: deno task bench:consumer
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  type Envelope,
  handlers,
  jsonCodec,
  memoryBroker,
  notification,
  toEnvelope,
  type,
} from "@sluice/cqrs";
import { eventConsumer, memorySource, type Source } from "@sluice/cqrs/consumer";
import { transactional } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../../services/postgres.ts";
import { compare, timed } from "../outbox/measure.ts";

const COUNT = 1_000;
const ROUNDS = 9;

const Noted = notification("noted", {
  topic: "notes",
  data: type<{ key: string; text: string }>(),
  key: ({ key }) => key,
});

const server = await startPostgres({ isOwn: true, settings: { synchronous_commit: "on" } });
const database = await server.createDatabase();
const pool = new pg.Pool({ connectionString: database.url, max: 8 });
pool.on("error", () => {});
const storage = postgresStorage(fromPg(pool));
await storage.migrate();
await pool.query(
  `create table business (id bigint generated always as identity, x text not null)`,
);
/** Into the table of the inbox too, so that both write the same rows. */
const RECORD = `insert into sluice_inbox (consumer, id, starts, handled_at, touched_at)
values ($1, $2, 0, clock_timestamp(), clock_timestamp()) on conflict do nothing returning id`;
const BUSINESS = "insert into business (x) values ($1)";

const app = bootstrap(
  handlers().use(transactional(storage)).on(Noted, async ({ text }, { tx }) => {
    await tx.client.query(BUSINESS, [text]);
  }),
);

/** New messages: of one key, so that they come one after the other. */
function notes(): Promise<Envelope[]> {
  const text = "x".repeat(170);
  return Promise.all(
    Array.from(
      { length: COUNT },
      () => toEnvelope(Noted({ key: "key 1", text }), { codec: jsonCodec(), source: "/" }),
    ),
  );
}

/** The source as one that does not count deliveries, as Kafka does not. */
function uncounted(source: Source): Source {
  return {
    ...source,
    subscribe(options) {
      const subscription = source.subscribe(options);
      const iterator = subscription[Symbol.asyncIterator]();
      const next = async () => {
        const result = await iterator.next();
        return result.done === true
          ? result
          : { value: { ...result.value, deliveryCount: undefined } };
      };
      return {
        ready: subscription.ready,
        [Symbol.asyncIterator]: () => ({ next }),
        [Symbol.asyncDispose]: () => subscription[Symbol.asyncDispose](),
      };
    },
  };
}

async function byHand(batchSize: number): Promise<number> {
  const envelopes = await notes();
  return await timed(async () => {
    for (let n = 0; n < envelopes.length; n += batchSize) {
      const client = await pool.connect();
      await client.query("begin");
      for (const { id, body } of envelopes.slice(n, n + batchSize)) {
        const { rowCount } = await client.query(RECORD, ["hand", id]);
        if (rowCount === 0) continue;
        const { text } = JSON.parse(new TextDecoder().decode(body));
        await client.query(BUSINESS, [text]);
      }
      await client.query("commit");
      client.release();
    }
  });
}

async function consume(batchSize: number, counts: boolean): Promise<number> {
  const broker = memoryBroker();
  const source = memorySource(broker, { partitions: 1 });
  const consumer = eventConsumer({
    source: counts ? source : uncounted(source),
    topics: ["notes"],
    app,
    storage,
    consumer: "sluice",
    batchSize,
  });
  await broker.publish(await notes());
  let handled = 0;
  const ms = await timed(async () => {
    ({ handled } = await consumer.tick({ budgetMs: 600_000, idleMs: 0 }));
  });
  if (handled !== COUNT) throw new Error(`Handled ${handled} of ${COUNT}`);
  return ms;
}

const { medianMs: [hand = NaN, one = NaN, counted = NaN, handBatch = NaN, batch = NaN] } =
  await compare(ROUNDS, [
    () => byHand(1),
    () => consume(1, false),
    () => consume(1, true),
    () => byHand(50),
    () => consume(50, false),
  ]);
const rate = (ms: number) => `${Math.round(COUNT / ms * 1_000).toLocaleString("en")}/s`;
const print = (what: string, reference: number, ms: number) =>
  console.log(`| ${what} | ${rate(reference)} | ${rate(ms)} | ${(reference / ms).toFixed(2)} |`);
console.log(`Postgres ${server.version}, Deno ${Deno.version.deno}`);
console.log("| what | by hand | Sluice | ratio |\n| --- | --- | --- | --- |");
print("one message in a transaction", hand, one);
print("the same, from a broker that counts deliveries", hand, counted);
print("50 in a transaction", handBatch, batch);
print("50 in a transaction, against one by hand", hand, batch);
await pool.end();
await server.stop();
Deno.exit();
