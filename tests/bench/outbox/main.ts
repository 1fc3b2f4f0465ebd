/**
 * Measures the outbox against the same work by hand, on a real Postgres and on Deno KV, each pair in
 * turn within one run. Prints a table; read the ratios.
 *
 * Run it: deno task bench:outbox
 */

// deno-lint-ignore-file no-console

import { type Envelope, notification, type Publisher, type } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../../services/postgres.ts";
import { drainAsPythonCqrs, drainByHand, fillByHand, HAND_TABLE, insertByHand } from "./by_hand.ts";
import { compare, medianOf, quantileOf, timed } from "./measure.ts";

const Noted = notification("noted", {
  topic: "notes",
  data: type<{ key: string; text: string }>(),
  key: ({ key }) => key,
});
const TEXT = "x".repeat(170);
const BODY = JSON.stringify({ key: "key 1", text: TEXT });
const encoder = new TextEncoder();

function notesOf(count: number, from = 0) {
  return Array.from(
    { length: count },
    (_, n) => Noted({ key: `key ${(from + n) % 100}`, text: TEXT }),
  );
}

/** Confirms at once. */
function instantBroker(onPublish: (messages: readonly Envelope[]) => void = () => {}): Publisher {
  return {
    keepsOrderOnFailure: true,
    publish(messages) {
      onPublish(messages);
      return Promise.resolve(messages.map(() => ({ ok: true })));
    },
    async [Symbol.asyncDispose]() {},
  };
}

function print(what: string, byHand: string, sluice: string, ratio: string): void {
  console.log(`| ${what} | ${byHand} | ${sluice} | ${ratio} |`);
}

function rate(count: number, ms: number): string {
  return `${Math.round(count / ms * 1_000).toLocaleString("en")}/s`;
}

const only = Deno.args[0];
const wants = (name: string) => only === undefined || only === name;

const server = await startPostgres({ isOwn: true, settings: { synchronous_commit: "on" } });
const database = await server.createDatabase();
const pool = new pg.Pool({ connectionString: database.url, max: 8 });
pool.on("error", () => {});
const storage = postgresStorage(fromPg(pool));
await storage.migrate();
await pool.query(HAND_TABLE);
console.log(`Postgres ${server.version}, Deno ${Deno.version.deno}`);
console.log("| what | by hand | Sluice | ratio |\n| --- | --- | --- | --- |");

/** Fills the outbox in few statements. */
async function fill(count: number): Promise<void> {
  for (let n = 0; n < count; n += 5_000) {
    await storage.outbox.store(notesOf(Math.min(5_000, count - n), n));
  }
}

async function drain(expected: number): Promise<number> {
  const relay = outboxRelay({ storage, broker: instantBroker() });
  let published = 0;
  const ms = await timed(async () => {
    published = (await relay.tick({ budgetMs: 600_000 })).published;
  });
  if (published !== expected) throw new Error(`Published ${published} of ${expected}`);
  return ms;
}

async function relayBench(): Promise<void> {
  const count = 20_000;
  const client = await pool.connect();
  const { medianMs: [hand = NaN, ours = NaN] } = await compare(5, [
    async () => {
      await fillByHand(client, count, BODY);
      return await timed(() => drainByHand(client, () => Promise.resolve()));
    },
    async () => {
      await fill(count);
      return await drain(count);
    },
  ]);
  print(
    "relay, a broker that confirms at once",
    rate(count, hand),
    rate(count, ours),
    (hand / ours).toFixed(2),
  );
  const few = 1_000;
  const { medianMs: [python = NaN, few2 = NaN] } = await compare(3, [
    async () => {
      await fillByHand(client, few, BODY);
      const ms = await timed(() => drainAsPythonCqrs(client, () => Promise.resolve()));
      await pool.query("truncate hand_outbox");
      return ms;
    },
    async () => {
      await fill(few * 20);
      return await drain(few * 20) / 20;
    },
  ]);
  print(
    "relay, against the sequence of python-cqrs",
    rate(few, python),
    rate(few, few2),
    (python / few2).toFixed(1),
  );
  client.release();
}

async function backlogBench(): Promise<void> {
  const small: number[] = [];
  for (let n = 0; n < 5; n++) {
    await fill(10_000);
    small.push(await drain(10_000));
  }
  const before = 10_000 / medianOf(small);
  await fill(1_000_000);
  const ms = await drain(1_000_000);
  print(
    "a backlog of 1,000,000, against one of 10,000",
    rate(before, 1),
    rate(1_000_000, ms),
    (1_000_000 / ms / before).toFixed(2),
  );
}

async function appendBench(count: number): Promise<void> {
  const transactions = 400;
  await pool.query(
    "create table if not exists business (id bigint generated always as identity, x text)",
  );
  const envelopes = notesOf(count);
  const rows = envelopes.map(({ data }) => ({
    topic: "notes",
    key: data.key,
    body: encoder.encode(JSON.stringify(data)),
  }));
  const business = "insert into business (x) values ('business')";
  const { medianMs: [hand = NaN, ours = NaN] } = await compare(9, [
    () =>
      timed(async () => {
        for (let n = 0; n < transactions; n++) {
          await storage.transaction(async ({ client }) => {
            await client.query(business);
            await insertByHand(client, rows);
          });
        }
      }),
    () =>
      timed(async () => {
        for (let n = 0; n < transactions; n++) {
          await storage.transaction(async (tx) => {
            await tx.client.query(business);
            await storage.outbox.append(tx, envelopes);
          });
        }
      }),
  ]);
  const us = (ms: number) => `${Math.round(ms / transactions * 1_000)} µs`;
  print(
    `a transaction that writes, and stores ${count}`,
    us(hand),
    us(ours),
    (ours / hand).toFixed(2),
  );
  await pool.query("truncate business, hand_outbox, sluice_outbox");
}

async function latencyBench(): Promise<void> {
  const count = 500;
  const seen = new Map<string, PromiseWithResolvers<number>>();
  const broker = instantBroker((messages) => {
    for (const { id } of messages) seen.get(id)?.resolve(performance.now());
  });
  /** From the commit to the call of the broker, in milliseconds, for one message after the other. */
  async function latencies(write: typeof storage): Promise<number[]> {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const [note] = notesOf(1, n);
      if (note === undefined) break;
      const arrived = Promise.withResolvers<number>();
      seen.set(note.metadata.id, arrived);
      await write.outbox.store([note]);
      const committed = performance.now();
      times.push(await arrived.promise - committed);
      seen.delete(note.metadata.id);
    }
    return times.slice(50);
  }
  const tell = (what: string, times: readonly number[]) =>
    print(
      `commit to publish, ${what}`,
      "",
      `p50 ${medianOf(times).toFixed(2)} ms, p99 ${quantileOf(times, 0.99).toFixed(2)} ms`,
      "",
    );
  const relayPool = new pg.Pool({ connectionString: database.url, max: 4 });
  relayPool.on("error", () => {});
  // The relay has a storage of its own, as in another process: only what Postgres tells can wake it.
  const writer = postgresStorage(fromPg(pool), { notify: true });
  const reader = postgresStorage(fromPg(relayPool), { notify: true });
  const woken = outboxRelay({ storage: reader, broker }).run({ intervalMs: 5_000 });
  tell("woken by LISTEN", await latencies(writer));
  await woken[Symbol.asyncDispose]();

  const { postgresLogTail } = await import("@sluice/cqrs/postgres-log");
  const connection = { connectionString: database.url };
  const tail = postgresLogTail({ storage: reader, connection });
  await tail.prepare();
  const tailing = outboxRelay({ source: tail, broker }).run({ intervalMs: 5_000 });
  tell("from the log, rows of the table", await latencies(storage));
  await tailing[Symbol.asyncDispose]();
  await tail.drop();
  await relayPool.end();
}

async function kvBench(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${folder}/bench.kv`);
  const kvStorage = denoKvStorage(kv);
  const count = 5_000;
  const relay = outboxRelay({ storage: kvStorage, broker: instantBroker() });
  const value = {
    topic: "notes",
    key: "key 1",
    body: encoder.encode(JSON.stringify({ text: TEXT })),
  };
  const { medianMs: [hand = NaN, ours = NaN] } = await compare(5, [
    async () => {
      for (let n = 0; n < count; n += 500) {
        const atomic = kv.atomic();
        for (let i = n; i < n + 500; i++) atomic.set(["hand", i], value);
        await atomic.commit();
      }
      return await timed(async () => {
        while (true) {
          const entries = await Array.fromAsync(
            kv.list({ prefix: ["hand"] }, { limit: 500, batchSize: 500 }),
          );
          if (entries.length === 0) return;
          const atomic = kv.atomic();
          for (const { key, versionstamp } of entries) {
            void versionstamp;
            atomic.delete(key);
          }
          await atomic.commit();
        }
      });
    },
    async () => {
      for (let n = 0; n < count; n += 100) await kvStorage.outbox.store(notesOf(100, n));
      return await timed(() => relay.tick({ budgetMs: 600_000 }));
    },
  ]);
  print("relay on Deno KV, a file", rate(count, hand), rate(count, ours), (hand / ours).toFixed(2));
  kv.close();
  await Deno.remove(folder, { recursive: true });
}

if (wants("relay")) await relayBench();
if (wants("backlog")) await backlogBench();
if (wants("append")) {
  await appendBench(1);
  await appendBench(10);
}
if (wants("latency")) await latencyBench();
if (wants("kv")) await kvBench();
await pool.end();
await server.stop();
Deno.exit();
