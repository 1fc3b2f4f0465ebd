import { fromPg, type PostgresClient, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages, textsOf } from "./outbox/envelopes.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

/**
 * What a transaction-mode pooler between an application and a database does: each transaction gets
 * another connection, which forgets everything afterwards.
 */
function throughPooler(pool: pg.Pool): PostgresClient<pg.PoolClient> & { readonly turns: number } {
  const idle: pg.PoolClient[] = [];
  let turns = 0;
  /** Never the connection of the turn before, if there is another. */
  const take = async () => (idle.length > 1 ? idle.shift() : undefined) ?? await pool.connect();
  const give = async (client: pg.PoolClient) => {
    turns++;
    await client.query("discard all");
    if (idle.length < 3) idle.push(client);
    else client.release();
  };
  const direct = fromPg(pool);
  return {
    get turns() {
      return turns;
    },
    async query(text, parameters = []) {
      const client = await take();
      try {
        return await fromPg(client).query(text, parameters);
      } finally {
        await give(client);
      }
    },
    async transaction(run) {
      const client = await take();
      try {
        return await fromPg(client).transaction((scope) => run({ client, query: scope.query }));
      } finally {
        await give(client);
      }
    },
    join: direct.join,
    async listen() {
      for (const client of idle.splice(0)) client.release();
      return await Promise.reject(new TypeError("A pooler cannot listen"));
    },
  };
}

Deno.test("everything works behind a pooler that gives each transaction another connection", async () => {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 10 });
  const client = throughPooler(pool);
  try {
    const storages = Array.from(
      { length: 3 },
      () => postgresStorage(client, { keepPublished: true }),
    );
    await Promise.all(storages.map((storage) => storage.migrate()));
    const [storage, other] = storages as [typeof storages[0], typeof storages[0]];
    await storage.transaction(async (tx) => {
      await storage.outbox.append(tx, messages("a1 b1 c1"));
      await tx.client.query("create table business (x integer)");
      await storage.outbox.append(tx, messages("-1 a2"));
    });
    await storage.outbox.store(messages("d1"));
    const session = storage.outbox.open({ leaseMs: 60_000 });
    const second = other.outbox.open({ leaseMs: 60_000 });
    const rows = await session.read(10);
    assert.deepEqual(textsOf(rows).split(" ").sort(), ["-1", "a1", "a2", "b1", "c1", "d1"]);
    assert.equal(textsOf(await second.read(10)), "");
    await session.keep();
    await session.settle(rows.map((row) => {
      const text = textsOf([row]);
      if (text === "a1") return { row, outcome: "failed", error: "no", retryAfterMs: 0 };
      if (text === "a2") return { row, outcome: "held" };
      if (text === "b1") return { row, outcome: "dead", error: "no", continues: false };
      return { row, outcome: "published" };
    }));
    assert.equal(await other.outbox.deadLetters.requeue(["b1"]), 1);
    await session[Symbol.asyncDispose]();
    const again = await second.read(10);
    assert.deepEqual(textsOf(again).split(" ").sort(), ["a1", "a2", "b1"]);
    await second.settle(again.map((row) => ({ row, outcome: "published" })));
    await second[Symbol.asyncDispose]();
    assert.deepEqual(await storage.outbox.statistics(), {
      pending: 0,
      oldestAgeMs: undefined,
      waitingKeys: 0,
      parkedKeys: 0,
      deadLetters: 0,
    });
    assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 6);
    assert.ok(client.turns > 20);
  } finally {
    await assert.rejects(Promise.resolve(client.listen?.("x", () => {})), TypeError);
    await pool.end();
    await database.drop();
  }
});
