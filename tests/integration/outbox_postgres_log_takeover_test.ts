import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { type PostgresLog, postgresLog } from "./outbox/postgres_log.ts";
import { startRelay } from "./outbox/relay_control.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const KEYS = ["a", "b", "c"];

function taskOf({ url, slot }: PostgresLog, ledger: Ledger, name: string) {
  return { name, database: url, ledger: ledger.url, slot };
}

/** Publishes all that is left, of the log and of the tables. */
async function drain(outbox: PostgresLog, ledger: Ledger): Promise<void> {
  const relay = outboxRelay({
    source: outbox.tailWith({ standbyMs: 50 }),
    broker: ledgerPublisher(ledger.url, "drain"),
    batchSize: 7,
  });
  await outbox.expireLeases();
  for (let published = 1; published > 0;) {
    await outbox.endWaits();
    ({ published } = await relay.tick({ budgetMs: 60_000 }));
    await outbox.until(({ active }) => !active);
  }
  assert.equal((await outbox.storage.outbox.statistics()).pending, 0);
}

for (const appendTo of ["table", "log"] as const) {
  const name = (what: string) => `the log tells of the ${appendTo}: ${what}`;

  Deno.test(
    name("one that stands by takes over when the reader lets go, and each is published once"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      const { tail } = outbox;
      const relayOf = (relay: string) =>
        outboxRelay({ source: tail, broker: ledgerPublisher(ledger.url, relay) })
          .run({ intervalMs: 100 });
      const first = relayOf("first");
      await outbox.until(({ active }) => active);
      await using _second = relayOf("second");
      await outbox.fill(KEYS, 5);
      await ledger.until(({ length }) => length >= 15);
      while (outbox.events.at(-1)?.type !== "standby") await outbox.pool.query("select 1");
      await first[Symbol.asyncDispose]();
      await outbox.fill(KEYS, 5);
      await ledger.until(({ length }) => length >= 30);
      assert.equal(ledger.entries.length, 30);
      assertComplete(ledger, KEYS, 10);
      assert.deepEqual(
        ledger.entries.map(({ relay }) => relay),
        [...Array(15).fill("first"), ...Array(15).fill("second")],
      );
    },
  );

  Deno.test(
    name("one that stands by takes over from a process that is killed, long before the lease ends"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      await using first = startRelay({
        ...taskOf(outbox, ledger, "first"),
        isRunning: true,
        leaseMs: 600_000,
      });
      await outbox.until(({ active }) => active);
      await using _second = outboxRelay({
        source: outbox.tailWith({ standbyMs: 300 }),
        broker: ledgerPublisher(ledger.url, "second"),
        leaseMs: 600_000,
      }).run({ intervalMs: 100 });
      await outbox.fill(KEYS, 5);
      await ledger.until(({ length }) => length >= 15);
      first.kill("SIGKILL");
      await first.ended;
      await outbox.fill(KEYS, 5);
      await ledger.until(() => [...ledger.firsts().values()].flat().length === 30);
      assertComplete(ledger, KEYS, 10);
      assert.equal(ledger.entries.at(-1)?.relay, "second");
    },
  );

  Deno.test(
    name("one that stands by takes over from a process that is frozen, which changes nothing then"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      const isAsked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<void>();
      ledger.beforeAnswer = async () => {
        ledger.beforeAnswer = () => {};
        isAsked.resolve();
        await answer.promise;
      };
      await outbox.fill(KEYS, 4);
      await using frozen = startRelay(taskOf(outbox, ledger, "frozen"));
      await isAsked.promise;
      frozen.kill("SIGSTOP");
      assert.equal((await outbox.look()).active, true);
      await outbox.expireLeases();

      // Meanwhile another publishes, and one key waits after a refusal.
      ledger.confirms = ({ key, relay }) => key !== "b" || relay === "frozen";
      const relay = outboxRelay({
        source: outbox.tailWith({ standbyMs: 50 }),
        broker: ledgerPublisher(ledger.url, "other"),
        retry: { backoff: () => 600_000 },
      });
      const report = await relay.tick({ budgetMs: 10_000 });
      assert.deepEqual(report, { hasMore: false, published: 8, failed: 1, deadLettered: 0 });
      const before = await contents(outbox);

      answer.resolve();
      frozen.kill("SIGCONT");
      await frozen.says("lease_lost");
      assert.equal(await frozen.ended, 0);
      assert.deepEqual(await contents(outbox), before);
      ledger.confirms = () => true;
      await drain(outbox, ledger);
      assertComplete(ledger, KEYS, 4);
    },
  );

  Deno.test(
    name("a relay that is killed at any place loses nothing and breaks no order"),
    async (t) => {
      await using outbox = await postgresLog(server, appendTo);
      let isOver = false;
      for (let killAt = 1; !isOver; killAt++) {
        await t.step(`at place ${killAt}`, async () => {
          await using ledger = new Ledger();
          // The first message of a key is refused once, so that a key waits when the relay is killed.
          let refusals = 1;
          ledger.confirms = ({ key }) => key !== "b" || refusals-- <= 0;
          for (let n = 0; n < 8; n++) {
            for (const key of KEYS) await outbox.storage.outbox.store([Noted({ key, n })]);
          }
          await using relay = startRelay({
            ...taskOf(outbox, ledger, "killed"),
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
    },
  );

  Deno.test(name("relays that come, are killed and stop keep the order of every key"), async () => {
    await using outbox = await postgresLog(server, appendTo);
    await using ledger = new Ledger();
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    let refusals = 0;
    ledger.confirms = () => ++refusals % 97 !== 0; // now and then one is refused
    const start = (relay: string) =>
      startRelay({
        ...taskOf(outbox, ledger, relay),
        batchSize: 5,
        leaseMs: 2_000,
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
}

/** What is in the tables that hold messages. */
async function contents({ pool }: PostgresLog) {
  const rowsOf = async (statement: string) => (await pool.query(statement)).rows;
  return {
    stored: await rowsOf("select id from sluice_outbox order by position"),
    waiting: await rowsOf("select * from sluice_outbox_waiting order by position"),
    lanes: await rowsOf("select * from sluice_outbox_lane"),
  };
}

Deno.test("a session that has lost the slot moves nothing out of the log", async () => {
  await using outbox = await postgresLog(server, "log");
  const { storage, tail } = outbox;
  await storage.outbox.store([Noted({ key: "a", n: 0 }), Noted({ key: "a", n: 1 })]);
  const first = tail.open({ leaseMs: 30_000 });
  const rows = await first.read(10);
  await outbox.expireLeases();
  const second = tail.open({ leaseMs: 30_000 });
  const again = await second.read(10);
  assert.deepEqual(again.map(({ position }) => position), rows.map(({ position }) => position));
  for (const outcome of ["failed", "dead", "held", "published"] as const) {
    const settled = rows.map((row) => ({
      row,
      outcome,
      error: "late",
      retryAfterMs: 1,
      continues: false,
    }));
    await assert.rejects(first.settle(settled), { code: "lease_lost" });
  }
  assert.deepEqual(await contents(outbox), { stored: [], waiting: [], lanes: [] });
  await second.settle(again.map((row) => ({ row, outcome: "published" })));
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});
