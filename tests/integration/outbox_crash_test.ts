import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { type PostgresOutbox, postgresOutbox } from "./outbox/postgres_outbox.ts";
import { startRelay } from "./outbox/relay_control.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const KEYS = ["a", "b", "c"];

/** Publishes all that is left, whatever waits or is held by the dead. */
async function drain(outbox: PostgresOutbox, ledger: Ledger): Promise<void> {
  const relay = outboxRelay({
    storage: outbox.storage,
    broker: ledgerPublisher(ledger.url, "drain"),
    batchSize: 7,
    retry: { maxAttempts: 5 },
  });
  await outbox.expireLeases();
  do {
    await outbox.endWaits();
    await relay.tick({ budgetMs: 60_000 });
  } while ((await outbox.storage.outbox.statistics()).pending > 0);
}

Deno.test("a relay that is killed at any place loses nothing and breaks no order", async (t) => {
  await using outbox = await postgresOutbox(server);
  let isOver = false;
  for (let killAt = 1; !isOver; killAt++) {
    await t.step(`at place ${killAt}`, async () => {
      await outbox.pool.query("truncate sluice_outbox, sluice_outbox_waiting, sluice_outbox_lane");
      await using ledger = new Ledger();
      // The first message of a key is refused once, so that a key waits when the relay is killed.
      let refusals = 1;
      ledger.confirms = ({ key }) => key !== "b" || refusals-- <= 0;
      for (let n = 0; n < 8; n++) {
        for (const key of KEYS) await outbox.storage.outbox.store([Noted({ key, n })]);
      }
      await using relay = startRelay({
        name: "killed",
        database: outbox.url,
        ledger: ledger.url,
        batchSize: 7,
        killAt,
      });
      const end = await relay.ended;
      isOver = end === 0;
      if (!isOver) assert.equal(end, "SIGKILL");
      await drain(outbox, ledger);
      assertComplete(ledger, KEYS, 8);
      assert.equal((await outbox.storage.outbox.statistics()).deadLetters, 0);
    });
  }
});

Deno.test("a relay that was frozen past its lease changes nothing that another has done", async () => {
  await using outbox = await postgresOutbox(server);
  await using ledger = new Ledger();
  await outbox.fill(KEYS, 4);
  // It is frozen while the broker has its messages and has not answered.
  const isAsked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  ledger.beforeAnswer = async () => {
    ledger.beforeAnswer = () => {};
    isAsked.resolve();
    await answer.promise;
  };
  await using frozen = startRelay({
    name: "frozen",
    database: outbox.url,
    ledger: ledger.url,
    batchSize: 100,
  });
  await isAsked.promise;
  frozen.kill("SIGSTOP");
  await outbox.expireLeases();

  // Meanwhile another publishes, and one key waits after a refusal.
  ledger.confirms = ({ key, relay }) => key !== "b" || relay === "frozen";
  const relay = outboxRelay({
    storage: outbox.storage,
    broker: ledgerPublisher(ledger.url, "other"),
    retry: { backoff: () => 600_000 },
  });
  const report = await relay.tick({ budgetMs: 10_000 });
  assert.deepEqual(report, { hasMore: false, published: 8, failed: 1, deadLettered: 0 });
  await outbox.fill(["d"], 3);
  const before = await contents(outbox);

  answer.resolve();
  frozen.kill("SIGCONT");
  await frozen.says("lease_lost");
  // It begins anew after that, and may publish what is there now.
  assert.equal(await frozen.ended, 0);
  const after = await contents(outbox);
  assert.deepEqual(after.waiting, before.waiting);
  assert.deepEqual(after.lanes, before.lanes);
  assert.equal(after.stored, 0);
  ledger.confirms = () => true;
  await drain(outbox, ledger);
  assert.deepEqual(ledger.firsts().get("notes/b"), [0, 1, 2, 3]);
  assert.deepEqual(ledger.firsts().get("notes/d"), [0, 1, 2]);
});

/** What is in the tables. */
async function contents({ pool }: PostgresOutbox) {
  const rowsOf = async (statement: string) => (await pool.query(statement)).rows;
  return {
    stored: (await rowsOf("select id from sluice_outbox")).length,
    waiting: await rowsOf("select * from sluice_outbox_waiting order by position"),
    lanes: await rowsOf("select * from sluice_outbox_lane"),
  };
}

for (const count of [2, 4]) {
  Deno.test(`${count} relays in processes of their own publish each message once, and keys in order`, async () => {
    await using outbox = await postgresOutbox(server);
    await using ledger = new Ledger();
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
    await outbox.fill(keys, 10);
    const relays = Array.from({ length: count }, (_, n) =>
      startRelay({
        name: `relay ${n}`,
        database: outbox.url,
        ledger: ledger.url,
        batchSize: 5,
        isRunning: true,
      }));
    await outbox.fill(keys, 40); // while they are at work, and come one after the other
    await ledger.until(({ length }) => length >= 2_000);
    for (const relay of relays) relay.kill("SIGINT");
    for (const relay of relays) assert.equal(await relay.ended, 0);
    assert.equal(ledger.entries.length, 2_000);
    assertComplete(ledger, keys, 50);
    const shares = Map.groupBy(ledger.entries, ({ relay }) => relay);
    assert.equal(shares.size, count);
    for (const relay of relays) await relay[Symbol.asyncDispose]();
  });
}

Deno.test("relays that come, are killed and stop keep the order of every key", async () => {
  await using outbox = await postgresOutbox(server);
  await using ledger = new Ledger();
  const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
  let refusals = 0;
  ledger.confirms = () => ++refusals % 97 !== 0; // now and then one is refused
  const start = (name: string) =>
    startRelay({
      name,
      database: outbox.url,
      ledger: ledger.url,
      batchSize: 5,
      leaseMs: 1_000,
      retryDelayMs: 5,
      isRunning: true,
    });
  const relays = [start("first")];
  for (let round = 1; round <= 4; round++) {
    relays.push(start(`round ${round}`));
    await outbox.fill(keys, 10);
    await ledger.until(({ length }) => length >= round * 100);
    relays.shift()?.kill(round % 2 === 0 ? "SIGKILL" : "SIGINT");
    relays.push(start(`replacement ${round}`));
  }
  await ledger.until((_) => [...ledger.firsts().values()].flat().length === 800);
  for (const relay of relays) await relay[Symbol.asyncDispose]();
  assertComplete(ledger, keys, 40);
});
