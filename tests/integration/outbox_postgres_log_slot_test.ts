import { outboxRelay, type RelayEvent } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import { postgresLogTail, SlotLostError } from "../../src/storage/postgres_log/mod.ts";
import { startPostgres } from "../services/postgres.ts";
import { Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { postgresLog } from "./outbox/postgres_log.ts";
import { postgresOutbox } from "./outbox/postgres_outbox.ts";

// Its own, as it keeps little of its log for slots that nobody reads.
const server = await startPostgres({
  isOwn: true,
  settings: { max_slot_wal_keep_size: "1MB", max_wal_size: "48MB", min_wal_size: "32MB" },
});
Deno.test.afterAll(() => server.stop());

const isLost = (reason: SlotLostError["reason"]) => (error: unknown) =>
  error instanceof SlotLostError && error.code === "slot_lost" && error.reason === reason;

Deno.test("prepare() makes a publication and a slot once, however many call it at a time", async () => {
  await using outbox = await postgresOutbox(server);
  const { pool, storage, url } = outbox;
  const slot = new URL(url).pathname.slice(1);
  const tails = Array.from(
    { length: 5 },
    () => postgresLogTail({ storage, connection: url, slot, publication: "outbox_rows" }),
  );
  await Promise.all(tails.map((tail) => tail.prepare()));
  await tails[0]?.prepare();
  const { rows: publications } = await pool.query(
    `select p.pubname, p.pubinsert, p.pubupdate, p.pubdelete, t.tablename, t.attnames::text
from pg_publication p join pg_publication_tables t on t.pubname = p.pubname`,
  );
  assert.deepEqual(publications, [{
    pubname: "outbox_rows",
    pubinsert: true,
    pubupdate: false,
    pubdelete: false,
    tablename: "sluice_outbox",
    attnames: "{partition}",
  }]);
  const slots = async () =>
    (await pool.query(
      `select slot_name, plugin, temporary from pg_replication_slots
where database = current_database()`,
    )).rows;
  assert.deepEqual(await slots(), [{ slot_name: slot, plugin: "pgoutput", temporary: false }]);
  await tails[0]?.drop();
  await tails[1]?.drop();
  assert.deepEqual(await slots(), []);
  assert.deepEqual((await pool.query("select pubname from pg_publication")).rows, []);
});

Deno.test("prepare() works for a role that may do no more than is needed", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { pool, slot, url } = outbox;
  const role = `role_${slot}`;
  await pool.query(`create role ${role} login replication`);
  try {
    await pool.query(
      `grant select, insert, update, delete on all tables in schema public to ${role}`,
    );
    const { pathname, host } = new URL(url);
    const address = `postgres://${role}@${host}${pathname}`;
    const { Pool } = (await import("pg")).default;
    const own = new Pool({ connectionString: address });
    const storage = postgresStorage(fromPg(own), { appendTo: "log" });
    const tail = postgresLogTail({ storage, connection: address, slot });
    await tail.prepare();
    await storage.outbox.store([Noted({ key: "a", n: 0 })]);
    const relay = outboxRelay({ source: tail, broker: ledgerPublisher(ledger.url, "tail") });
    assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 1);
    await own.end();
  } finally {
    await pool.query(`drop owned by ${role}`);
    await pool.query(`drop role ${role}`);
  }
});

Deno.test("prepare() refuses a slot that belongs to another database, and reading does too", async () => {
  await using one = await postgresLog(server, "log");
  await using other = await postgresOutbox(server);
  const tail = postgresLogTail({ storage: other.storage, connection: other.url, slot: one.slot });
  await assert.rejects(tail.prepare(), /as it belongs to something else/);
  await assert.rejects(tail.status(), TypeError);
  await assert.rejects(tail.open({ leaseMs: 1_000 }).read(1), TypeError);
  await other.pool.query(`drop publication ${one.slot}`);
});

Deno.test("prepare() says what to do before migrate()", async () => {
  await using database = await server.createDatabase();
  const { Pool } = (await import("pg")).default;
  const pool = new Pool({ connectionString: database.url });
  const storage = postgresStorage(fromPg(pool));
  const tail = postgresLogTail({ storage, connection: database.url, slot: database.name });
  await assert.rejects(tail.prepare(), /call migrate\(\) first/);
  await pool.end();
});

Deno.test("status() tells how much of the log is behind, and whether somebody reads", async () => {
  await using outbox = await postgresLog(server, "log");
  const { tail, slot, pool } = outbox;
  const before = await tail.status();
  assert.equal(before.slot, slot);
  assert.equal(before.isActive, false);
  assert.equal(before.walStatus, "reserved");
  assert.ok((before.safeBytes ?? 0) > 0);
  await pool.query("select pg_logical_emit_message(true, 'other', repeat('x', 100000))");
  const after = await tail.status();
  assert.ok(after.lagBytes >= before.lagBytes + 100_000, `${before.lagBytes} ${after.lagBytes}`);
  assert.ok(after.retainedBytes >= after.lagBytes);
  const session = tail.open({ leaseMs: 30_000 });
  await session.read(1);
  await outbox.until(({ active, confirmed, end }) => active && confirmed >= end);
  const { isActive, lagBytes } = await tail.status();
  assert.equal(isActive, true);
  assert.ok(lagBytes < 10_000, `${lagBytes}`);
  await session[Symbol.asyncDispose]();
});

Deno.test("a slot that is gone is told, and is made again only when that is asked for", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { tail, slot, pool } = outbox;
  await outbox.fill(["a"], 1);
  await pool.query("select pg_drop_replication_slot($1)", [slot]);
  await assert.rejects(tail.status(), isLost("missing"));
  await assert.rejects(tail.prepare(), isLost("missing"));
  const events: RelayEvent[] = [];
  const relay = outboxRelay({
    source: tail,
    broker: ledgerPublisher(ledger.url, "tail"),
    observer: (event) => events.push(event),
  });
  await assert.rejects(relay.tick({ budgetMs: 1_000 }), isLost("missing"));
  await tail.drop();
  await tail.prepare();
  await outbox.fill(["a"], 1);
  assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 1);
  assert.deepEqual(ledger.entries.map(({ n }) => n), [1]);
});

Deno.test("a slot that was never made is told", async () => {
  await using outbox = await postgresOutbox(server);
  const { storage, url } = outbox;
  const tail = postgresLogTail({ storage, connection: url, slot: "nobody_has_made_it" });
  await assert.rejects(tail.status(), isLost("missing"));
  await assert.rejects(tail.open({ leaseMs: 1_000 }).read(1), isLost("missing"));
});

Deno.test("a slot that the server has given up is told, also to who was reading", async () => {
  await using outbox = await postgresLog(server, "log");
  const { tail, pool } = outbox;
  const session = tail.open({ leaseMs: 30_000 });
  assert.deepEqual(await session.read(1), []);
  await session[Symbol.asyncDispose]();
  for (let n = 0; n < 6; n++) {
    await pool.query("select pg_logical_emit_message(false, 'other', repeat('x', 1000000))");
    await pool.query("select pg_switch_wal()");
  }
  await pool.query("checkpoint");
  await assert.rejects(tail.status(), isLost("invalidated"));
  await assert.rejects(tail.prepare(), isLost("invalidated"));
  await assert.rejects(tail.open({ leaseMs: 30_000 }).read(1), isLost("invalidated"));
  await tail.drop();
  await tail.prepare();
  assert.equal((await tail.status()).walStatus, "reserved");
});

Deno.test("nothing of a table is lost with a slot: a relay without it publishes what is there", async () => {
  await using outbox = await postgresLog(server, "table");
  await using ledger = new Ledger();
  const { storage, tail, slot, pool } = outbox;
  await outbox.fill(["a", "b"], 5);
  await pool.query("select pg_drop_replication_slot($1)", [slot]);
  const broker = ledgerPublisher(ledger.url, "relay");
  await assert.rejects(
    outboxRelay({ source: tail, broker }).tick({ budgetMs: 1_000 }),
    SlotLostError,
  );
  assert.equal((await outboxRelay({ storage, broker }).tick({ budgetMs: 10_000 })).published, 10);
});

Deno.test("drop() does not take the slot from who reads it", async () => {
  await using outbox = await postgresLog(server, "log");
  const session = outbox.tail.open({ leaseMs: 30_000 });
  await session.read(1);
  await assert.rejects(outbox.tail.drop(), { code: "55006" });
  assert.equal((await outbox.look()).active, true);
  await session[Symbol.asyncDispose]();
});

Deno.test("places in lanes go on behind those of a server that the tables were copied from", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { storage, tail, pool, slot } = outbox;
  const relayOf = (retry: () => number) =>
    outboxRelay({
      source: tail,
      broker: ledgerPublisher(ledger.url, "tail"),
      retry: { maxAttempts: Infinity, backoff: retry },
    });
  ledger.confirms = () => false;
  await outbox.fill(["a"], 2);
  await relayOf(() => 600_000).tick({ budgetMs: 10_000 });
  assert.equal((await storage.outbox.statistics()).pending, 2);
  // There the log was longer.
  await pool.query("update sluice_outbox_waiting set position = position + (1::bigint << 50)");
  await pool.query("select pg_drop_replication_slot($1)", [slot]);
  await tail.drop();
  await tail.prepare();
  await outbox.fill(["a"], 2);
  await relayOf(() => 600_000).tick({ budgetMs: 10_000 });
  ledger.confirms = () => true;
  await outbox.endWaits();
  await relayOf(() => 1).tick({ budgetMs: 10_000 });
  assert.deepEqual(ledger.entries.map(({ n }) => n), [0, 1, 2, 3]);
});

Deno.test("messages go to the table again behind those that have left the log", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  ledger.confirms = () => false;
  await outbox.fill(["a"], 2);
  const relay = outboxRelay({
    source: outbox.tail,
    broker: ledgerPublisher(ledger.url, "tail"),
    retry: { backoff: () => 600_000 },
  });
  await relay.tick({ budgetMs: 10_000 });
  const storage = postgresStorage(fromPg(outbox.pool));
  for (let n = 2; n < 5; n++) await storage.outbox.store([Noted({ key: "a", n })]);
  await relay.tick({ budgetMs: 10_000 });
  ledger.confirms = () => true;
  await outbox.endWaits();
  await outboxRelay({ storage, broker: ledgerPublisher(ledger.url, "relay") }).tick({
    budgetMs: 10_000,
  });
  assert.deepEqual(ledger.entries.map(({ n }) => n), [0, 1, 2, 3, 4]);
});
