import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres, type TestDatabase } from "../services/postgres.ts";
import { runConsumer } from "./consumer/consumer_control.ts";
import { EFFECTS, effectsConsumer } from "./consumer/effects.ts";
import { MessageServer } from "./consumer/message_server.ts";
import { killPoints } from "./outbox/kill_points.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

/** A database with an inbox, and the table of effects. */
async function prepared(): Promise<TestDatabase & { readonly pool: pg.Pool }> {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on("error", () => {});
  await postgresStorage(fromPg(pool)).migrate();
  await pool.query(EFFECTS);
  return {
    ...database,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

/** Handles what is left, in this process. */
async function drain(broker: MessageServer, database: string): Promise<void> {
  const { consumer, close } = effectsConsumer(
    { database, server: broker.url },
    killPoints(Infinity),
  );
  while (!broker.isDone) await consumer.tick({ budgetMs: 10_000, idleMs: 50 });
  await close();
}

/** The numbers of each key, in the order in which they took effect. */
async function effectsOf(pool: pg.Pool): Promise<Record<string, number[]>> {
  const { rows } = await pool.query("select key, n from effect order by id");
  const byKey = Map.groupBy(rows, ({ key }) => key);
  return Object.fromEntries([...byKey].sort().map(([key, of]) => [key, of.map(({ n }) => n)]));
}

const scenarios = [
  { name: "messages one by one", keys: ["a", "b"], count: 2, batchSize: 1 },
  { name: "messages in batches", keys: ["a"], count: 3, batchSize: 3 },
  // All of them were begun by a process that died before.
  { name: "suspects", keys: ["a"], count: 1, batchSize: 1, isSuspect: true },
];

for (const { name, keys, count, batchSize, isSuspect = false } of scenarios) {
  Deno.test(`a consumer of ${name} that is killed at any place has each effect once`, async (t) => {
    await using database = await prepared();
    const { pool, url } = database;
    let isOver = false;
    for (let killAt = 1; !isOver; killAt++) {
      await t.step(`at place ${killAt}`, async () => {
        await pool.query("truncate effect, sluice_inbox, sluice_inbox_dead");
        await using broker = new MessageServer();
        broker.fill(keys, count);
        if (isSuspect) {
          const ids = broker.messages.map(({ id }) => id);
          await postgresStorage(fromPg(pool)).inbox.begin("crashing", ids);
        }
        const end = await runConsumer({
          database: url,
          server: broker.url,
          batchSize,
          killAt,
          failsOnceAt: "a 0",
        });
        isOver = end === 0;
        if (!isOver) assert.equal(end, "SIGKILL");
        await drain(broker, url);
        const numbers = Array.from({ length: count }, (_, n) => n);
        assert.deepEqual(
          await effectsOf(pool),
          Object.fromEntries(keys.map((key) => [key, numbers])),
        );
        const { rows } = await pool.query("select count(*) from sluice_inbox_dead");
        assert.equal(rows[0].count, "0");
      });
    }
  });
}

Deno.test("a message that kills its process is given up, and none of those handled beside it", async () => {
  await using database = await prepared();
  const { pool, url } = database;
  await using broker = new MessageServer();
  const keys = ["a", "b", "c", "poison"];
  broker.fill(keys, 2);
  let deaths = 0;
  while (await runConsumer({ database: url, server: broker.url, poison: "poison" }) === "SIGKILL") {
    deaths++;
    assert(deaths < 20);
  }
  assert.equal(broker.isDone, true);
  const letters = await postgresStorage(fromPg(pool)).inbox.deadLetters.list();
  assert.deepEqual(
    letters.map(({ envelope: { id }, attempts }) => [id, attempts]),
    [["poison 0", 3], ["poison 1", 3]],
  );
  assert.deepEqual(await effectsOf(pool), { a: [0, 1], b: [0, 1], c: [0, 1] });
  // One is saved if both were fetched together when the first of them was begun.
  assert(deaths === 5 || deaths === 6, `It died ${deaths} times`);
});
