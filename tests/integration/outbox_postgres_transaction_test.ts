import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages } from "./outbox/envelopes.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

async function openStorage() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  pool.on("error", () => {});
  const storage = postgresStorage(fromPg(pool));
  await storage.migrate();
  return {
    pool,
    storage,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

Deno.test("join() and joinQuery() store messages in transactions that the application has opened", async () => {
  await using opened = await openStorage();
  const { pool, storage } = opened;
  const client = await pool.connect();
  for (const end of ["rollback", "commit"]) {
    await client.query("begin");
    await storage.outbox.append(storage.join(client), messages("a1"));
    const tx = storage.joinQuery(async (text, parameters = []) =>
      (await client.query(text, [...parameters])).rows
    );
    assert.equal(tx.client, undefined);
    await storage.outbox.append(tx, messages("a2 a3"));
    await client.query(end);
    assert.equal((await storage.outbox.statistics()).pending, end === "commit" ? 3 : 0);
  }
  client.release();
  const stranger = { client, query: () => Promise.resolve([]) };
  await assert.rejects(storage.outbox.append(stranger, messages("a4")), TypeError);
});

Deno.test("a transaction that has ended runs no statement, and stores nothing", async () => {
  await using opened = await openStorage();
  const { storage } = opened;
  const ended = await storage.transaction((tx) => tx);
  await assert.rejects(ended.query("select 1"), TypeError);
  await assert.rejects(storage.outbox.append(ended, messages("a1")), TypeError);
  // Whoever does not wait for append() may be too late, and is told so.
  let appending: Promise<unknown> = Promise.resolve();
  await storage.transaction((tx) => {
    appending = storage.outbox.append(tx, messages("a1")).catch((error) => error);
  });
  assert.ok(await appending instanceof TypeError);
  assert.equal((await storage.outbox.statistics()).pending, 0);
});

Deno.test("transaction() rejects with a ConcurrencyError when the database says that others were faster", async () => {
  await using opened = await openStorage();
  const { storage } = opened;
  const run = storage.transaction(async (tx) => {
    await tx.query("set transaction isolation level serializable");
    await tx.query("do $$ begin raise exception 'too late' using errcode = '40001'; end $$");
  });
  await assert.rejects(run, { name: "ConcurrencyError", code: "concurrency" });
  const deadlock = storage.transaction((tx) =>
    tx.query("do $$ begin raise exception 'too late' using errcode = '40P01'; end $$")
  );
  await assert.rejects(deadlock, { name: "ConcurrencyError" });
  const other = storage.transaction((tx) =>
    tx.query("do $$ begin raise exception 'no' using errcode = '23505'; end $$")
  );
  await assert.rejects(other, { code: "23505" });
});
