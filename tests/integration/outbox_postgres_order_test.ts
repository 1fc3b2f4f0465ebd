import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import type { OutboxRow, OutboxSession } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages, textsOf } from "./outbox/envelopes.ts";
import { kindOf, type Sent, spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const SESSION = { leaseMs: 60_000 };

async function openOutbox() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 12 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client);
  await storage.migrate();
  return {
    pool,
    client,
    storage,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

/** Reads and publishes until nothing is left. */
async function drain(session: OutboxSession, maxRows = 100): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  for (;;) {
    const more = await session.read(maxRows);
    if (more.length === 0) return rows;
    await session.settle(more.map((row) => ({ row, outcome: "published" })));
    rows.push(...more);
  }
}

/** The places from which a pass has begun to read, of a statement that begins one. */
function marksOf({ text }: Sent): bigint[] {
  const list = /E'\{([^}]*)\}'::text::bigint\[\]\)\s+with ordinality/.exec(text)?.[1] ?? "";
  return (list.match(/\d+/g) ?? []).map(BigInt);
}

Deno.test("a transaction that commits late is read, however many passes have gone by", async () => {
  await using outbox = await openOutbox();
  const { storage, client } = outbox;
  const session = storage.outbox.open(SESSION);
  const standing = Promise.withResolvers<void>();
  const hasStored = Promise.withResolvers<void>();
  const late = storage.transaction(async (tx) => {
    await storage.outbox.append(tx, messages("a1 b1 c1 -1"));
    hasStored.resolve();
    await standing.promise;
  });
  await hasStored.promise;
  const seen: string[] = [];
  for (let n = 2; n < 40; n++) {
    await storage.outbox.store(messages(`a${n} b${n} c${n} -${n}`));
    seen.push(textsOf(await drain(session)));
  }
  assert.equal(seen.join(" ").split(" ").length, 38 * 4);
  standing.resolve();
  await late;
  await storage.outbox.store(messages("a40"));
  const rows = textsOf(await drain(session)).split(" ");
  assert.deepEqual([...rows].sort(), ["-1", "a1", "a40", "b1", "c1"]);
  assert.ok(rows.indexOf("a1") < rows.indexOf("a40"));
  await session[Symbol.asyncDispose]();
  assert.ok(client.sent.filter((sent) => kindOf(sent) === "survey").length > 40);
});

Deno.test("passes begin behind what can no longer change, but not while a transaction is open that may change it", async () => {
  await using outbox = await openOutbox();
  const { storage, client, pool } = outbox;
  const session = storage.outbox.open(SESSION);
  const highest = () => {
    const begun = client.sent.filter((sent) => ["survey", "first"].includes(kindOf(sent)));
    const marks = begun.slice(-1).flatMap(marksOf);
    return marks.reduce((a, b) => a > b ? a : b, 0n);
  };
  const round = async (n: number) => {
    await storage.outbox.store(messages(`a${n}`));
    await drain(session);
  };
  for (let n = 0; n < 5; n++) await round(n);
  const before = highest();
  assert.ok(before > 0n);
  // One that has written something may have been given places already.
  const open = await pool.connect();
  await open.query("begin");
  await open.query("create temporary table something (x int) on commit drop");
  await round(5);
  await round(6);
  const standing = highest();
  for (let n = 7; n < 12; n++) await round(n);
  assert.equal(highest(), standing);
  await open.query("commit");
  for (let n = 12; n < 16; n++) await round(n);
  assert.ok(highest() > standing);
  // One that only reads keeps the rows from being cleaned up, and the passes do not mind.
  await open.query("begin isolation level repeatable read");
  await open.query("select count(*) from sluice_outbox");
  const reading = highest();
  for (let n = 16; n < 20; n++) await round(n);
  assert.ok(highest() > reading);
  await open.query("commit");
  open.release();
  await session[Symbol.asyncDispose]();
});

Deno.test("rows that a dump has brought here are read, though this server has not reached their transactions", async () => {
  await using outbox = await openOutbox();
  const { storage, pool } = outbox;
  await storage.outbox.store(messages("a1 b1 a2"));
  await pool.query("update sluice_outbox set xid = '4000000000000'");
  await storage.outbox.store(messages("a3"));
  const session = storage.outbox.open(SESSION);
  // Row by row, so that all statements have to find them.
  const rows = await drain(session, 1);
  assert.deepEqual(textsOf(rows.filter(({ envelope }) => envelope.key === "a")), "a1 a2 a3");
  assert.equal(rows.length, 4);
  await session[Symbol.asyncDispose]();
});

Deno.test("many writers, some of whom take their time, lose nothing, and each keeps its order", async () => {
  await using outbox = await openOutbox();
  const { storage } = outbox;
  const session = storage.outbox.open(SESSION);
  const WRITERS = 8;
  const EACH = 40;
  let random = 7;
  const isNext = (chance: number) => (random = (random * 48_271) % 2_147_483_647) % chance === 0;
  const write = async (writer: number) => {
    for (let n = 0; n < EACH; n++) {
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, messages(`w${writer}n${100 + n} -`, { key: `k${writer}` }));
        // Others commit meanwhile, with places behind this one's.
        for (let m = isNext(3) ? 12 : 0; m > 0; m--) await tx.query("select 1");
        if (isNext(4)) {
          await storage.outbox.append(tx, messages(`w${writer}n${100 + n}b`, { key: "all" }));
        }
      });
    }
  };
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  let isOver = false;
  writing.finally(() => isOver = true);
  const rows: OutboxRow[] = [];
  while (!isOver) rows.push(...await drain(session, 20));
  await writing;
  rows.push(...await drain(session, 20));
  const expected = WRITERS * EACH * 2;
  assert.equal(rows.filter(({ envelope }) => envelope.key !== "all").length, expected);
  for (let writer = 0; writer < WRITERS; writer++) {
    const own = textsOf(rows.filter(({ envelope }) => envelope.key === `k${writer}`)).split(" ")
      .filter((text) => text !== "-");
    assert.deepEqual(own, Array.from({ length: EACH }, (_, n) => `w${writer}n${100 + n}`));
  }
  assert.equal(new Set(rows.map(({ position }) => position)).size, rows.length);
  await session[Symbol.asyncDispose]();
});

Deno.test("a survey finds a topic that nobody holds among those that are held, also one without a name", async () => {
  await using outbox = await openOutbox();
  const { storage } = outbox;
  const session = storage.outbox.open(SESSION);
  const topics = ["m", "", "a", "z", "mm", "\u{10fffd}", "A", "é"];
  for (const topic of topics) {
    await storage.outbox.store(messages("a1 b1", { topic }));
    assert.deepEqual((await drain(session)).map(({ envelope }) => envelope.topic), [topic, topic]);
  }
  // And many at once.
  for (const topic of topics) await storage.outbox.store(messages("a2", { topic: `${topic} 2` }));
  assert.equal((await drain(session)).length, topics.length);
  await session[Symbol.asyncDispose]();
});
