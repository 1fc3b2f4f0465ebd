import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { postgresOutbox } from "./outbox/postgres_outbox.ts";
import { startRelay } from "./outbox/relay_control.ts";

// Its own, as it is restarted.
const server = await startPostgres({ isOwn: true });
Deno.test.afterAll(() => server.stop());

const RESTARTS = 4;

Deno.test("nothing that was committed is lost when the server crashes again and again under load", async () => {
  await using outbox = await postgresOutbox(server);
  await using ledger = new Ledger();
  const { pool, storage } = outbox;
  await pool.query("create table written (key text, n integer)");
  const relay = outboxRelay({
    storage,
    broker: ledgerPublisher(ledger.url, "relay"),
    batchSize: 20,
    leaseMs: 1_000,
  });
  const running = relay.run({ intervalMs: 5, backoff: () => 20 });
  const end = new AbortController();
  let commits = 0;
  const progress = new EventTarget();

  /** Writes one message after the other, whether or not the server is there. */
  async function write(key: string): Promise<void> {
    for (let n = 0; !end.signal.aborted; n++) {
      try {
        await storage.transaction(async (tx) => {
          await tx.client.query("insert into written values ($1, $2)", [key, n]);
          await storage.outbox.append(tx, [Noted({ key, n })]);
        });
        commits++;
        progress.dispatchEvent(new Event("commit"));
      } catch {
        await pool.query("select 1").catch(() => {}); // the table says whether it was committed
      }
    }
  }
  const keys = ["a", "b", "c", "d"];
  const writers = keys.map(write);
  for (let restart = 0; restart < RESTARTS; restart++) {
    await until(progress, () => commits >= (restart + 1) * 150);
    await server.restart({ mode: "immediate" });
  }
  await until(progress, () => commits >= (RESTARTS + 1) * 150);
  end.abort();
  await Promise.all(writers);

  const { rows } = await pool.query("select key, n from written order by n");
  const written = new Map(keys.map((key): [string, number[]] => [`notes/${key}`, []]));
  for (const { key, n } of rows) written.get(`notes/${key}`)?.push(n);
  assert.ok(rows.length >= commits);
  await ledger.until(() => [...ledger.firsts().values()].flat().length >= rows.length);
  await running[Symbol.asyncDispose]();
  const published = ledger.firsts();
  for (const [lane, numbers] of written) assert.deepEqual(published.get(lane), numbers, lane);
  assert.equal((await storage.outbox.statistics()).pending, 0);
});

/** Resolves when something holds; looks at each commit. */
async function until(progress: EventTarget, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => progress.addEventListener("commit", resolve, { once: true }));
  }
}

Deno.test("a purge during a long transaction deletes nothing that is not published", async () => {
  await using outbox = await postgresOutbox(server);
  await using ledger = new Ledger();
  const storage = postgresStorage(fromPg(outbox.pool), { keepPublished: true });
  const relay = outboxRelay({ storage, broker: ledgerPublisher(ledger.url, "relay") });
  const append = (n: number) => storage.outbox.store([Noted({ key: `k${n}`, n: 0 })]);
  await storage.transaction(async (tx) => {
    await storage.outbox.append(tx, [Noted({ key: "k1", n: 0 })]);
    await append(2);
    assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 1);
    await append(3);
    assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 1);
  });
  assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 0);
  assert.equal((await relay.tick({ budgetMs: 10_000 })).published, 2);
  assertComplete(ledger, ["k1", "k2", "k3"], 1);
});

for (const hours of [1, -1]) {
  Deno.test(`a relay whose clock is off by ${hours} h changes nothing on Postgres`, async () => {
    await using outbox = await postgresOutbox(server);
    await using ledger = new Ledger();
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    const start = (name: string, clockSkewMs: number) =>
      startRelay({
        name,
        database: outbox.url,
        ledger: ledger.url,
        batchSize: 5,
        leaseMs: 2_000,
        isRunning: true,
        clockSkewMs,
      });
    await using right = start("right", 0);
    await using wrong = start("wrong", hours * 3_600_000);
    await outbox.fill(keys, 25);
    await ledger.until(({ length }) => length >= 500);
    for (const relay of [right, wrong]) {
      relay.kill("SIGINT");
      assert.equal(await relay.ended, 0);
      assert.deepEqual(relay.said.filter(({ event }) => event === "lease_lost"), []);
    }
    assert.equal(ledger.entries.length, 500);
    assertComplete(ledger, keys, 25);
    assert.equal(new Set(ledger.entries.map(({ relay }) => relay)).size, 2);
  });
}
