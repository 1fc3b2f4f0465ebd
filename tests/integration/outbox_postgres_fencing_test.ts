import { fromPg, type PostgresStorage, postgresStorage } from "@sluice/cqrs/postgres";
import { LeaseLostError, type OutboxOutcome, type OutboxRow } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages, textsOf } from "./outbox/envelopes.ts";
import { kindOf, spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const SESSION = { leaseMs: 60_000 };
const TABLES = ["outbox", "outbox_waiting", "outbox_lane", "outbox_dead", "outbox_published"];

async function openOutbox() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 12 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client, { keepPublished: true });
  await storage.migrate();
  return {
    pool,
    client,
    storage,
    /** Another process. */
    other: () => postgresStorage(fromPg(pool), { keepPublished: true }),
    /** Lets the leases of all sessions end. */
    async expire() {
      await pool.query(
        "update sluice_outbox_relay set until = clock_timestamp() - interval '1 ms'",
      );
    },
    /** All that the tables hold. */
    async contents(): Promise<string> {
      const tables = [];
      for (const table of TABLES) {
        const { rows } = await pool.query(`select * from sluice_${table} order by 1, 2, 3, 4`);
        tables.push(rows);
      }
      return JSON.stringify(tables);
    },
    /** Resolves when so many statements wait for locks of others. */
    async waiting(count: number) {
      const text = "select count(*)::integer as count from pg_locks where not granted";
      while ((await pool.query(text)).rows[0].count < count);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

const outcomes: Readonly<Record<string, (row: OutboxRow) => OutboxOutcome>> = {
  published: (row) => ({ row, outcome: "published" }),
  failed: (row) => ({ row, outcome: "failed", error: "no", retryAfterMs: 0 }),
  dead: (row) => ({ row, outcome: "dead", error: "no", continues: false }),
  held: (row) => ({ row, outcome: "held" }),
  returned: (row) => ({ row, outcome: "returned" }),
};

/** Some rows that wait, some in the queue: all given to a session. */
async function readBoth(storage: PostgresStorage<pg.PoolClient>) {
  await storage.outbox.store(messages("a1 b1 -1"));
  const session = storage.outbox.open(SESSION);
  const first = await session.read(10);
  await session.settle(first.map((row) => outcomes.failed?.(row) as OutboxOutcome));
  await storage.outbox.store(messages("c1 c2 -2"));
  const rows = [...await session.read(10), ...await session.read(10)];
  assert.equal(textsOf(rows).split(" ").length, 6);
  return { session, rows };
}

for (const [name, outcome] of Object.entries(outcomes)) {
  Deno.test(`settle() of ${name} rows changes nothing once the lease has ended`, async () => {
    await using outbox = await openOutbox();
    const { session, rows } = await readBoth(outbox.storage);
    await outbox.expire();
    const before = await outbox.contents();
    await assert.rejects(session.settle(rows.map(outcome)), LeaseLostError);
    assert.equal(await outbox.contents(), before);
    await session[Symbol.asyncDispose]();
  });

  if (name === "returned") continue; // writes nothing
  Deno.test(`settle() of ${name} rows keeps others out until it is done, also past the end of the lease`, async () => {
    await using outbox = await openOutbox();
    const { session, rows } = await readBoth(outbox.storage);
    const other = outbox.other().outbox.open(SESSION);
    const blocker = await outbox.pool.connect();
    try {
      // It has locked the row of its session, and waits for a row in the middle of its work.
      await blocker.query("begin");
      await blocker.query("select from sluice_outbox where id = 'c2' for update");
      const settling = session.settle(rows.map(outcome));
      await outbox.waiting(1);
      await outbox.expire();
      assert.equal(textsOf(await other.read(10)), "");
      await blocker.query("commit");
      await settling;
    } finally {
      blocker.release(true);
    }
    const texts = textsOf(await other.read(10)).split(" ").sort().join(" ");
    const isBack = name === "failed" || name === "held";
    assert.equal(texts, isBack ? "-1 -2 a1 b1 c1 c2" : "");
    await other[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
  });
}

Deno.test("settle() of nothing but published rows of the queue changes nothing once the lease has ended", async () => {
  await using outbox = await openOutbox();
  const { storage } = outbox;
  await storage.outbox.store(messages("a1 b1 -1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await outbox.expire();
  const before = await outbox.contents();
  await assert.rejects(
    session.settle(rows.map((row) => ({ row, outcome: "published" }))),
    LeaseLostError,
  );
  assert.equal(await outbox.contents(), before);
  await session[Symbol.asyncDispose]();
});

Deno.test("park() and read() do nothing more for a session whose lease has ended", async () => {
  await using outbox = await openOutbox();
  const { storage, client } = outbox;
  await storage.outbox.store(messages("a1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(
    rows.map((row) => ({ row, outcome: "dead", error: "no", continues: false })),
  );
  await storage.outbox.store(messages("a2 b1"));
  const before = await outbox.contents();
  // The lease ends between the statement that has found a2 and the one that is to move it.
  client.before = async (sent) => {
    if (kindOf(sent) !== "park") return;
    client.before = () => {};
    await outbox.expire();
  };
  await assert.rejects(session.read(10), LeaseLostError);
  assert.equal(await outbox.contents(), before);
  await session[Symbol.asyncDispose]();
});

Deno.test("a lane does not end under a dead letter that is being requeued", async () => {
  await using outbox = await openOutbox();
  const { storage, client, pool } = outbox;
  await storage.outbox.store(messages("a1 a2"));
  const session = storage.outbox.open(SESSION);
  const [a1, a2] = await session.read(10) as [OutboxRow, OutboxRow];
  await session.settle([
    { row: a1, outcome: "dead", error: "no", continues: true },
    { row: a2, outcome: "failed", error: "no", retryAfterMs: 0 },
  ]);
  const again = await session.read(10);
  assert.equal(textsOf(again), "a2");
  // Somebody puts a1 back while the last row of the lane is published: neither sees the other's work.
  const operator = await pool.connect();
  await operator.query("begin; set local lock_timeout = '20 s'");
  const requeue = postgresStorage({
    ...client,
    query: async (text, parameters = []) => (await operator.query(text, [...parameters])).rows,
  });
  await requeue.outbox.deadLetters.requeue(["a1"]);
  const settling = session.settle(again.map((row) => ({ row, outcome: "published" })));
  await outbox.waiting(1);
  await operator.query("commit");
  operator.release();
  await settling;
  assert.equal(textsOf(await session.read(10)), "a1");
  await session[Symbol.asyncDispose]();
});

Deno.test("a lane is not parked under a dead letter that is being discarded", async () => {
  await using outbox = await openOutbox();
  const { storage, client, pool } = outbox;
  await storage.outbox.store(messages("a1 a2 a3"));
  const session = storage.outbox.open(SESSION);
  const [a1, a2, a3] = await session.read(10) as [OutboxRow, OutboxRow, OutboxRow];
  await session.settle([
    { row: a1, outcome: "failed", error: "no", retryAfterMs: 0 },
    { row: a2, outcome: "held" },
    { row: a3, outcome: "held" },
  ]);
  const [b1, b2, b3] = await session.read(10) as [OutboxRow, OutboxRow, OutboxRow];
  await session.settle([
    { row: b2, outcome: "dead", error: "no", continues: false },
    { row: b3, outcome: "held" },
  ]);
  // Somebody discards a2 while a1 is published: behind that there was nothing to read.
  const operator = await pool.connect();
  await operator.query("begin; set local lock_timeout = '20 s'");
  const discard = postgresStorage({
    ...client,
    query: async (text, parameters = []) => (await operator.query(text, [...parameters])).rows,
  });
  await discard.outbox.deadLetters.discard(["a2"]);
  const settling = session.settle([{ row: b1, outcome: "published" }]);
  await outbox.waiting(1);
  await operator.query("commit");
  operator.release();
  await settling;
  assert.equal(textsOf(await session.read(10)), "a3");
  await session[Symbol.asyncDispose]();
});

Deno.test("keep() extends a lease by the clock of the database alone", async () => {
  await using outbox = await openOutbox();
  const { storage, pool } = outbox;
  await storage.outbox.store(messages("a1"));
  const session = storage.outbox.open(SESSION);
  await session.read(10);
  await pool.query("update sluice_outbox_relay set until = until - interval '59 s'");
  await session.keep();
  const { rows: [row] } = await pool.query(
    "select extract(epoch from until - clock_timestamp()) * 1000 as left from sluice_outbox_relay",
  );
  assert.ok(row.left > 50_000 && row.left <= 60_000, `${row.left}`);
  await session[Symbol.asyncDispose]();
});

Deno.test("a session whose lease has ended while it had nothing goes on under a new name", async () => {
  await using outbox = await openOutbox();
  const { storage, pool } = outbox;
  await storage.outbox.store(messages("a1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  const owners = async () =>
    (await pool.query("select owner from sluice_outbox_relay")).rows.map(({ owner }) => owner);
  const before = await owners();
  await outbox.expire();
  await session.keep();
  await storage.outbox.store(messages("a2"));
  assert.equal(textsOf(await session.read(10)), "a2");
  assert.notDeepEqual(await owners(), before);
  await session[Symbol.asyncDispose]();
  assert.deepEqual(await owners(), []);
  const { rows: leases } = await pool.query("select * from sluice_outbox_lease");
  assert.deepEqual(leases, []);
});
