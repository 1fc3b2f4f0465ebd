import { fromPg, type PostgresClient, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages, textsOf } from "./outbox/envelopes.ts";
import { kindOf, spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

/** A database, with the pools of two processes. */
async function openPools() {
  const database = await server.createDatabase();
  const pools = [0, 1].map(() => new pg.Pool({ connectionString: database.url, max: 5 }));
  for (const pool of pools) pool.on("error", () => {});
  const clients = pools.map((pool) => spiedClient(fromPg(pool)));
  const [one, other] = clients as [typeof clients[0], typeof clients[0]];
  await postgresStorage(one).migrate();
  return {
    one,
    other,
    async [Symbol.asyncDispose]() {
      for (const pool of pools) await pool.end();
      await database.drop();
    },
  };
}

/** Counts calls, and resolves when there was another one. */
function counter() {
  let next = Promise.withResolvers<void>();
  const calls = {
    count: 0,
    onWake() {
      calls.count++;
      next.resolve();
      next = Promise.withResolvers();
    },
    async until(count: number) {
      while (calls.count < count) await next.promise;
    },
  };
  return calls;
}

Deno.test("subscribe() with notify hears of the commits of other processes", async () => {
  await using pools = await openPools();
  const writer = postgresStorage(pools.one, { notify: true });
  const reader = postgresStorage(pools.other, { notify: true });
  const calls = counter();
  const subscription = await reader.outbox.subscribe(calls.onWake);
  await writer.transaction((tx) => writer.outbox.append(tx, messages("a1")));
  await calls.until(1);
  await writer.outbox.store(messages("a2"));
  await calls.until(2);
  await writer.outbox.wake();
  await calls.until(3);
  await subscription[Symbol.asyncDispose]();
});

Deno.test("a transaction notifies nobody before its commit, and without messages nobody at all", async () => {
  await using pools = await openPools();
  const writer = postgresStorage(pools.one, { notify: true });
  const notifications = () =>
    pools.one.sent.filter(({ text }) => text.includes("pg_notify")).length;
  await writer.transaction(async (tx) => {
    await writer.outbox.append(tx, messages("a1"));
    const { rows } = await tx.client.query("select pg_notification_queue_usage() as usage");
    assert.equal(rows[0].usage, 0);
    assert.equal(notifications(), 0);
  });
  await writer.outbox.wake();
  const before = notifications();
  assert.ok(before > 0);
  await writer.transaction((tx) => tx.query("select 1"));
  await writer.outbox.store([]);
  assert.equal(notifications(), before);
});

Deno.test("a storage without notify sends no notification, and wakes those of its own process", async () => {
  await using pools = await openPools();
  const storage = postgresStorage(pools.one);
  const calls = counter();
  const subscription = await storage.outbox.subscribe(calls.onWake);
  await storage.outbox.store(messages("a1"));
  await storage.outbox.wake();
  assert.equal(calls.count, 2);
  assert.ok(!pools.one.sent.some(({ text }) => /notify|listen/i.test(text)));
  await subscription[Symbol.asyncDispose]();
});

Deno.test("subscribe() with notify refuses a driver that cannot listen, which may store all the same", async () => {
  await using pools = await openPools();
  const { listen: _, ...deaf } = pools.one;
  const storage = postgresStorage(deaf as PostgresClient, { notify: true });
  await assert.rejects(storage.outbox.subscribe(() => {}), TypeError);
  await storage.outbox.store(messages("a1"));
  await storage.outbox.wake();
});

Deno.test("a notification that fails disturbs nobody, and wake() tells", async () => {
  await using pools = await openPools();
  const failing: PostgresClient<pg.PoolClient> = {
    ...pools.one,
    query: (text, parameters) =>
      text.includes("pg_notify")
        ? Promise.reject(new Error("The connection is gone"))
        : pools.one.query(text, parameters),
  };
  const storage = postgresStorage(failing, { notify: true });
  await storage.transaction((tx) => storage.outbox.append(tx, messages("a1")));
  await storage.outbox.store(messages("a2"));
  await assert.rejects(storage.outbox.wake(), /The connection is gone/);
  assert.equal((await storage.outbox.statistics()).pending, 2);
});

Deno.test("many commits at once share notifications, and the last one is heard of", async () => {
  await using pools = await openPools();
  const writer = postgresStorage(pools.one, { notify: true });
  const gate = Promise.withResolvers<void>();
  pools.one.before = ({ text }) => text.includes("pg_notify") ? gate.promise : undefined;
  for (let n = 0; n < 20; n++) await writer.outbox.store(messages(`a${n}`));
  const woken = writer.outbox.wake();
  gate.resolve();
  await woken;
  const { length } = pools.one.sent.filter(({ text }) => text.includes("pg_notify"));
  assert.equal(length, 2);
});

Deno.test("a session that is woken reads rows before it looks at anything else", async () => {
  await using pools = await openPools();
  const storage = postgresStorage(pools.one);
  const session = storage.outbox.open({ leaseMs: 60_000 });
  await storage.outbox.store(messages("a1"));
  const rows = await session.read(10);
  await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  assert.equal((await session.read(10)).length, 0);
  assert.equal((await session.read(10)).length, 0);
  const kindsOf = async () => {
    const from = pools.one.sent.length;
    const read = await session.read(100);
    return [textsOf(read), ...pools.one.sent.slice(from).map(kindOf)];
  };
  // Nothing has happened: one statement.
  assert.deepEqual(await kindsOf(), ["", "survey"]);
  await storage.outbox.store(messages("a2"));
  assert.deepEqual(await kindsOf(), ["a2", "first"]);
  // It was woken for nothing that it could read so.
  await storage.outbox.wake();
  assert.deepEqual(await kindsOf(), ["", "first", "survey"]);
  assert.deepEqual(await kindsOf(), ["", "survey"]);
  await session[Symbol.asyncDispose]();
});
