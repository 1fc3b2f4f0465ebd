import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const ENDED = 100_000;
const DUE = 10_000;

/** A storage with many sagas that have ended and some that are due. */
async function openFull() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client);
  await storage.migrate();
  await pool.query("alter table sluice_saga set (autovacuum_enabled = false)");
  await pool.query("alter table sluice_saga_log set (autovacuum_enabled = false)");
  await pool.query(
    `with s as (
      insert into sluice_saga (id, name, version, status, has_ended, due_at, created_at, updated_at,
        context, metadata)
      select n::text, 'order', 1, case when n > $1::integer then 'running' else 'completed' end,
        n <= $1::integer, now() - interval '1 hour', now(), now(), '{}', '{}'
      from generate_series(1, $1::integer + $2::integer) n returning id)
    insert into sluice_saga_log (saga, number, attempt, at, action, status)
    select id, 1, 1, now(), 'act', 'started' from s`,
    [ENDED, DUE],
  );
  return {
    pool,
    client,
    sagas: storage.sagas,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

/** How the server would run the last statement. */
async function lastPlan(pool: pg.Pool, client: Awaited<ReturnType<typeof openFull>>["client"]) {
  const { text, parameters } = client.sent.at(-1) ?? assert.fail("Nothing was sent");
  const { rows } = await pool.query(`explain ${text}`, [...parameters]);
  return rows.map((row) => String(row["QUERY PLAN"])).join("\n");
}

Deno.test("claimDue(), list(), keep() and purge() look for sagas by an index, whatever has ended", async () => {
  await using database = await openFull();
  const { pool, client, sagas } = database;
  for (const isAnalyzed of [false, true]) {
    if (isAnalyzed) await pool.query("analyze");
    const calls = {
      claimDue: async () => {
        const options = { owner: "me", leaseMs: 60_000, names: ["order"], limit: 100 };
        return (await sagas.claimDue(options)).map(({ log }) => log.length);
      },
      list: () => sagas.list({ status: ["running", "failed"] }),
      keep: () => sagas.keep([{ id: "7", revision: 1 }, { id: "8", revision: 1 }], 1_000),
      purge: () => sagas.purge({ olderThanMs: 60_000, limit: 100 }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const result = await call();
      if (name === "claimDue") assert.deepEqual(result, Array.from({ length: 100 }, () => 1));
      const plan = await lastPlan(pool, client);
      assert.doesNotMatch(plan, /Seq Scan on sluice_saga(?:_log)? /, `${name}\n${plan}`);
      assert.doesNotMatch(plan, /JIT/, name);
      assert.doesNotMatch(
        plan,
        /Sort Key: sluice_saga\.due_at/,
        `${name} sorts what is due\n${plan}`,
      );
    }
  }
});
