import { outboxRelay, type OutboxRelayOptions } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { type PostgresLog, postgresLog } from "./outbox/postgres_log.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const KEYS = ["a", "b", "c"];

function relayOf({ tail }: PostgresLog, ledger: Ledger, options: Partial<OutboxRelayOptions> = {}) {
  return outboxRelay({
    source: tail,
    broker: ledgerPublisher(ledger.url, "tail"),
    retry: { maxAttempts: Infinity, backoff: () => 1 },
    ...options,
  });
}

const namesOf = ({ entries }: Ledger) => entries.map(({ key, n }) => `${key}${n}`);

for (const appendTo of ["table", "log"] as const) {
  const name = (what: string) => `the log tells of the ${appendTo}: ${what}`;

  Deno.test(name("what is committed is published, and never what is rolled back"), async () => {
    await using outbox = await postgresLog(server, appendTo);
    await using ledger = new Ledger();
    const { storage } = outbox;
    await outbox.fill(KEYS, 2); // before anybody reads
    await using _running = relayOf(outbox, ledger).run({ intervalMs: 600_000 });
    await ledger.until(({ length }) => length === 6);
    await assert.rejects(
      storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [Noted({ key: "x", n: 0 })]);
        throw new Error("Changed my mind");
      }),
      /Changed my mind/,
    );
    await outbox.fill(KEYS, 3);
    await ledger.until(({ length }) => length === 15);
    assertComplete(ledger, KEYS, 5);
  });

  Deno.test(name("a tick publishes what is there, and lets go of the slot"), async () => {
    await using outbox = await postgresLog(server, appendTo);
    await using ledger = new Ledger();
    const relay = relayOf(outbox, ledger);
    assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 0);
    await outbox.fill(KEYS, 10);
    const report = await relay.tick({ budgetMs: 10_000 });
    assert.deepEqual(report, { hasMore: false, published: 30, failed: 0, deadLettered: 0 });
    await outbox.until(({ active }) => !active);
    assertComplete(ledger, KEYS, 10);
    assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 0);
  });

  Deno.test(
    name("what is committed late is published, whatever was published meanwhile"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      const { storage, pool } = outbox;
      await using _running = relayOf(outbox, ledger).run({ intervalMs: 600_000 });
      const client = await pool.connect();
      await client.query("begin");
      await storage.outbox.append(storage.join(client), [Noted({ key: "late", n: 0 })]);
      await outbox.fill(KEYS, 3);
      await ledger.until(({ length }) => length === 9);
      await client.query("commit");
      client.release();
      await ledger.until(({ length }) => length === 10);
      assert.equal(namesOf(ledger).at(-1), "late0");
    },
  );

  Deno.test(
    name("a key that fails waits with what comes behind it, and others do not"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      let isRefused = true;
      ledger.confirms = ({ key, n }) => !(isRefused && key === "b" && n === 1);
      const relay = relayOf(outbox, ledger, { retry: { backoff: () => 600_000 } });
      await using running = relay.run({ intervalMs: 50 });
      await outbox.fill(KEYS, 4);
      await ledger.until(({ length }) => length === 9);
      await outbox.fill(KEYS, 4); // they come behind one that waits
      await ledger.until(({ length }) => length === 17);
      assert.deepEqual(ledger.firsts().get("notes/b"), [0]);
      assert.equal((await outbox.storage.outbox.statistics()).waitingKeys, 1);
      isRefused = false;
      await outbox.endWaits();
      await ledger.until(({ length }) => length === 24);
      await outbox.fill(KEYS, 4); // the key is as all others again
      await ledger.until(({ length }) => length === 36);
      assertComplete(ledger, KEYS, 12);
      await outbox.until(({ confirmed, end }) => confirmed >= end);
      await running[Symbol.asyncDispose](); // it writes down what it has published
      assert.equal((await outbox.storage.outbox.statistics()).pending, 0);
    },
  );

  Deno.test(
    name("a message that is refused to the end is a dead letter, and parks its key"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      const { deadLetters } = outbox.storage.outbox;
      let isRefused = true;
      ledger.confirms = ({ key, n }) => !(isRefused && key === "b" && n === 1);
      const events: string[] = [];
      const relay = relayOf(outbox, ledger, {
        retry: { maxAttempts: 3, backoff: () => 1 },
        observer: ({ type }) => {
          if (type !== "published") events.push(type);
        },
      });
      await using _running = relay.run({ intervalMs: 10 });
      await outbox.fill(KEYS, 3);
      await ledger.until(({ length }) => length === 7);
      while (!events.includes("dead_lettered")) await outbox.pool.query("select 1");
      assert.deepEqual(events, ["publish_failed", "publish_failed", "dead_lettered"]);
      await outbox.fill(KEYS, 1);
      await ledger.until(({ length }) => length === 9);
      const [letter, ...others] = await deadLetters.list();
      assert.equal(others.length, 0);
      assert.equal(letter?.attempts, 3);
      isRefused = false;
      assert.equal(await deadLetters.requeue([letter?.envelope.id ?? ""]), 1);
      await ledger.until(({ length }) => length === 12);
      assertComplete(ledger, KEYS, 4);
    },
  );

  Deno.test(
    name("messages of many transactions that overlap are published once, keys in order"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      let refusals = 0;
      ledger.confirms = () => ++refusals % 41 !== 0;
      await using _running = relayOf(outbox, ledger).run({ intervalMs: 20 });
      const { storage } = outbox;
      const keys = Array.from({ length: 8 }, (_, n) => `k${n}`);
      await Promise.all(keys.map(async (key) => {
        for (let n = 0; n < 60; n += 3) {
          await storage.transaction(async (tx) => {
            await storage.outbox.append(tx, [Noted({ key, n }), Noted({ key, n: n + 1 })]);
            await storage.outbox.append(tx, [Noted({ key, n: n + 2 })]);
          });
        }
      }));
      await ledger.until(({ length }) => length >= 480);
      await outbox.until(({ confirmed, end }) => confirmed >= end);
      assert.equal(ledger.entries.length, 480);
      assertComplete(ledger, keys, 60);
    },
  );
}

Deno.test("the log keeps the order of commits among keys, and of messages in a transaction", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { storage, pool } = outbox;
  const early = await pool.connect();
  await early.query("begin");
  await storage.outbox.append(storage.join(early), [Noted({ key: "a", n: 0 })]);
  await storage.outbox.store([Noted({ key: "b", n: 0 }), Noted({ key: "c", n: 0 })]);
  await storage.outbox.store([Noted({ key: "b", n: 1 })]);
  await early.query("commit");
  early.release();
  await storage.outbox.store([Noted({ key: "c", n: 1 })]);
  await relayOf(outbox, ledger).tick({ budgetMs: 10_000 });
  assert.deepEqual(namesOf(ledger), ["b0", "c0", "b1", "a0", "c1"]);
});

Deno.test("messages of the log are in no table, until one of them fails", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { pool } = outbox;
  ledger.confirms = ({ key, n }) => key !== "b" || n < 2;
  await outbox.fill(KEYS, 4);
  const count = async (table: string) =>
    Number((await pool.query(`select count(*) from ${table}`)).rows[0].count);
  assert.equal(await count("sluice_outbox"), 0);
  await relayOf(outbox, ledger, { retry: { backoff: () => 600_000 } }).tick({ budgetMs: 10_000 });
  assert.equal(await count("sluice_outbox"), 0);
  assert.equal(await count("sluice_outbox_waiting"), 2);
  assert.equal(ledger.entries.length, 10);
});

Deno.test("a relay of the log and others of the table publish each message once", async () => {
  await using outbox = await postgresLog(server, "table");
  await using ledger = new Ledger();
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
  const polling = ["first", "second"].map((relay) =>
    outboxRelay({
      storage: outbox.storage,
      broker: ledgerPublisher(ledger.url, relay),
      batchSize: 5,
    })
  );
  await outbox.fill(keys, 5);
  await using _tailing = relayOf(outbox, ledger, { batchSize: 5 }).run({ intervalMs: 20 });
  const running = polling.map((relay) => relay.run({ intervalMs: 5 }));
  await outbox.fill(keys, 25);
  await ledger.until(({ length }) => length >= 1_200);
  for (const each of running) await each[Symbol.asyncDispose]();
  assert.equal(ledger.entries.length, 1_200);
  assertComplete(ledger, keys, 30);
  const shares = Map.groupBy(ledger.entries, ({ relay }) => relay);
  assert.deepEqual([...shares.keys()].sort(), ["first", "second", "tail"]);
});

Deno.test("a relay of the table goes on with what has left the log, and keys keep their order", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  let refusals = 0;
  ledger.confirms = ({ relay }) => relay !== "tail" || ++refusals % 5 !== 0;
  await using _tailing = relayOf(outbox, ledger).run({ intervalMs: 20 });
  await using _polling = outboxRelay({
    storage: postgresStorage(fromPg(outbox.pool)),
    broker: ledgerPublisher(ledger.url, "table"),
  }).run({ intervalMs: 5 });
  const keys = Array.from({ length: 10 }, (_, n) => `k${n}`);
  await outbox.fill(keys, 60);
  await ledger.until(({ length }) => length >= 600);
  await outbox.until(({ confirmed, end }) => confirmed >= end);
  assert.equal(ledger.entries.length, 600);
  assertComplete(ledger, keys, 60);
  const shares = Map.groupBy(ledger.entries, ({ relay }) => relay);
  assert.deepEqual([...shares.keys()].sort(), ["table", "tail"]);
});

Deno.test("messages of topics that a relay of the log does not take are left for others", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  await outbox.fill(KEYS, 4);
  const other = relayOf(outbox, ledger, { topics: ["none"] });
  assert.equal((await other.tick({ budgetMs: 10_000 })).published, 0);
  await outbox.fill(KEYS, 4);
  assert.equal((await relayOf(outbox, ledger).tick({ budgetMs: 10_000 })).published, 24);
  assertComplete(ledger, KEYS, 8);
});

Deno.test("entries of the log that make no sense are dead letters, and stop nothing", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  await outbox.fill(["a"], 1);
  await outbox.pool.query("select pg_logical_emit_message(true, 'sluice_outbox', 'nonsense')");
  await outbox.pool.query("select pg_logical_emit_message(true, 'other', 'not ours')");
  await outbox.fill(["a"], 1);
  const relay = relayOf(outbox, ledger);
  assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 2);
  const { deadLetters } = outbox.storage.outbox;
  const [letter, ...others] = await deadLetters.list();
  assert.equal(others.length, 0);
  assert.equal(new TextDecoder().decode(letter?.envelope.body), "nonsense");
  assert.equal(await deadLetters.discard([letter?.envelope.id ?? ""]), 1);
});
