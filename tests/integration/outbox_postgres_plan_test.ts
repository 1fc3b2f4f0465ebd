import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages } from "./outbox/envelopes.ts";
import { kindOf, type Sent, spiedClient, type StatementKind } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

/** The parts of a plan that matter here. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

function* nodesOf(node: PlanNode): Iterable<PlanNode> {
  yield node;
  for (const inner of node.Plans ?? []) yield* nodesOf(inner);
}

/** How the server runs a statement, which is rolled back. */
async function planOf(pool: pg.Pool, { text, parameters }: Sent): Promise<PlanNode> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const { rows: [row] } = await client.query(
      `explain (analyze, buffers, format json) ${text}`,
      [...parameters],
    );
    return row["QUERY PLAN"][0].Plan;
  } finally {
    await client.query("rollback");
    client.release();
  }
}

/** Checks that a statement finds rows of tables by an index; how many pages it has looked at. */
async function expectIndexes(
  pool: pg.Pool,
  sent: Sent,
  tables: readonly string[] = ["sluice_outbox"],
): Promise<number> {
  const plan = await planOf(pool, sent);
  const bad = [...nodesOf(plan)].filter((node) =>
    tables.includes(node["Relation Name"] ?? "") && node["Index Name"] === undefined &&
    !["ModifyTable", "LockRows"].includes(node["Node Type"])
  );
  assert.deepEqual(bad.map((node) => `${node["Node Type"]} on ${node["Relation Name"]}`), []);
  return (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0);
}

const COUNT = 100_000;

async function openBacklog() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client);
  await storage.migrate();
  await pool.query("alter table sluice_outbox set (autovacuum_enabled = false)");
  return {
    pool,
    client,
    storage,
    /** The last statement of a kind. */
    last(kind: StatementKind): Sent {
      const sent = client.sent.findLast((each) => kindOf(each) === kind);
      assert.ok(sent, `There was no ${kind}`);
      return sent;
    },
    async fill(count: number) {
      await pool.query(
        `insert into sluice_outbox (topic, partition, key, id, type, attributes, body_text)
         select 'notes', n % 16, 'key ' || n % 16 || ' ' || n % 97, n::text, 'noted',
           '{"source":"/","time":0,"contentType":"text/plain"}', repeat('x', 200)
         from generate_series(1, $1::integer) n`,
        [count],
      );
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

for (const isAnalyzed of [false, true]) {
  const stats = isAnalyzed ? "fresh statistics" : "statistics of an empty table";
  Deno.test(`a session finds rows by the primary key among ${COUNT} and as many dead ones, with ${stats}`, async () => {
    await using backlog = await openBacklog();
    const { pool, storage } = backlog;
    await pool.query("vacuum analyze");
    await backlog.fill(COUNT);
    await pool.query("delete from sluice_outbox");
    await backlog.fill(COUNT);
    if (isAnalyzed) await pool.query("analyze");
    const session = storage.outbox.open({ leaseMs: 600_000 });
    const seen = new Set<StatementKind>();
    for (let n = 0; n < 70; n++) {
      const rows = await session.read(500);
      assert.equal(rows.length, 500);
      await session.settle(rows.map((row) => ({ row, outcome: "published" })));
    }
    // One lane fails, so that rows have to be moved.
    const rows = await session.read(500);
    const lane = rows[0]?.lane;
    const inLane = rows.filter((row) => row.lane === lane);
    await session.settle(rows.map((row) => {
      if (row.lane !== lane) return { row, outcome: "published" };
      return row === inLane[0]
        ? { row, outcome: "failed", error: "no", retryAfterMs: 600_000 }
        : { row, outcome: "held" };
    }));
    const hasParked = () => backlog.client.sent.some((sent) => kindOf(sent) === "park");
    for (let n = 0; n < 150 && !hasParked(); n++) { // the next pass comes at some time
      const more = await session.read(500);
      await session.settle(more.map((row) => ({ row, outcome: "published" })));
    }
    const kinds: StatementKind[] = [
      "survey",
      "next",
      "more",
      "published",
      "settle",
      "park",
      "sweep",
    ];
    for (const kind of kinds) {
      const sent = backlog.client.sent.findLast((each) => kindOf(each) === kind);
      if (sent === undefined) continue;
      seen.add(kind);
      await expectIndexes(pool, sent);
    }
    for (const kind of ["survey", "more", "published", "settle", "park"] as const) {
      assert.ok(seen.has(kind), `There was no ${kind}`);
    }
    await session[Symbol.asyncDispose]();
  });
}

Deno.test("a session finds lanes, what waits in them and dead letters by indexes among many", async () => {
  await using backlog = await openBacklog();
  const { pool, storage } = backlog;
  const message = `'{"source":"/","time":0,"contentType":"text/plain"}', 'x', clock_timestamp()`;
  const columns = "key, id, type, attributes, body_text, stored_at";
  // Every tenth lane has a hundred rows, the others one; half of all are due, a third is parked.
  await pool.query(
    `insert into sluice_outbox_lane (topic, lane, partition, retry_at)
     select 'notes', '=k' || n, n % 16, case n % 6 when 0 then null when 1 then null when 2
       then clock_timestamp() + interval '1 hour' else clock_timestamp() end
     from generate_series(1, 20000) n`,
  );
  await pool.query(
    `insert into sluice_outbox_waiting (topic, lane, position, partition, attempts, ${columns})
     select 'notes', '=k' || n, n * 1000 + m, n % 16, 1, 'k' || n, n::text, 'noted', ${message}
     from generate_series(1, 20000) n, generate_series(1, case n % 10 when 0 then 100 else 1 end) m`,
  );
  await pool.query(
    `insert into sluice_outbox_dead
       (topic, lane, position, partition, attempts, error, parks, died_at, ${columns})
     select 'notes', '=k' || n, n * 1000, n % 16, 1, 'no', n % 6 < 2, clock_timestamp(), 'k' || n,
       n::text, 'noted', ${message}
     from generate_series(1, 20000) n`,
  );
  await pool.query("vacuum analyze");
  const session = storage.outbox.open({ leaseMs: 600_000 });
  for (let n = 0; n < 4; n++) {
    const rows = await session.read(200);
    assert.ok(rows.length > 100);
    await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  }
  await storage.outbox.deadLetters.list({ limit: 10, after: "700" });
  const tables = ["sluice_outbox_waiting", "sluice_outbox_dead"];
  for (const kind of ["survey", "settle", "sweep"] as const) {
    const pages = await expectIndexes(pool, backlog.last(kind), tables);
    assert.ok(pages < 20_000, `${kind} has looked at ${pages} pages`);
  }
  const listing = backlog.client.sent.at(-1);
  assert.ok(listing);
  assert.ok(await expectIndexes(pool, listing, tables) < 200);
  await session[Symbol.asyncDispose]();
});

Deno.test("a look at an outbox that is empty costs the same, whatever was published before, also while nothing can be cleaned up", async () => {
  await using backlog = await openBacklog();
  const { pool, storage } = backlog;
  await storage.outbox.store(messages("a1"));
  // It only reads, and keeps Postgres from cleaning up all that is published from now on.
  const old = await pool.connect();
  await old.query("begin isolation level repeatable read");
  await old.query("select count(*) from sluice_outbox");
  const session = storage.outbox.open({ leaseMs: 600_000 });
  const drain = async () => {
    for (;;) {
      const rows = await session.read(1_000);
      if (rows.length === 0) return;
      await session.settle(rows.map((row) => ({ row, outcome: "published" })));
    }
  };
  await drain();
  const before = await expectIndexes(pool, backlog.last("survey"));
  await backlog.fill(30_000);
  await drain();
  // What comes after the next message begins behind all that.
  await storage.outbox.store(messages("a2"));
  await drain();
  await storage.outbox.store(messages("a3"));
  await drain();
  await drain();
  const after = await expectIndexes(pool, backlog.last("survey"));
  assert.ok(after < before + 500, `${before} pages before, ${after} after`);
  await old.query("commit");
  old.release();
  await session[Symbol.asyncDispose]();
});

Deno.test("a session whose statements are prepared finds rows by the primary key, though there was nothing when they were", async () => {
  await using backlog = await openBacklog();
  const { pool } = backlog;
  await pool.query("vacuum analyze");
  const client = spiedClient(fromPg(pool, { prepare: true }));
  const storage = postgresStorage(client);
  const session = storage.outbox.open({ leaseMs: 600_000 });
  const drain = async (maxRows: number) => {
    for (;;) {
      const rows = await session.read(maxRows);
      if (rows.length === 0) return;
      await session.settle(rows.map((row) => ({ row, outcome: "published" })));
    }
  };
  // So often that each connection has made a plan that it keeps, of all that it prepares.
  for (let n = 0; n < 40; n++) {
    await storage.outbox.store(messages(Array.from({ length: 30 }, (_, n) => `k${n}`).join(" ")));
    await drain(5);
  }
  await backlog.fill(COUNT);
  const scanned = async () => {
    await pool.query("select pg_stat_force_next_flush()");
    const { rows: [row] } = await pool.query(
      "select seq_tup_read::integer as count from pg_stat_user_tables where relname = 'sluice_outbox'",
    );
    return row.count;
  };
  const before = await scanned();
  await drain(5_000);
  assert.ok(await scanned() - before < COUNT, `${await scanned() - before} rows were looked at`);
  await session[Symbol.asyncDispose]();
});

Deno.test("statistics() counts no further than it is told", async () => {
  await using backlog = await openBacklog();
  const { pool, storage } = backlog;
  await backlog.fill(COUNT);
  await pool.query("vacuum analyze");
  const { pending, oldestAgeMs = -1 } = await storage.outbox.statistics({ maxCount: 1_000 });
  assert.equal(pending, 1_000);
  assert.ok(oldestAgeMs >= 0);
  const sent = backlog.client.sent.at(-1);
  assert.ok(sent);
  const plan = await planOf(pool, sent);
  const pages = (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0);
  assert.ok(pages < 500, `${pages} pages`);
});
