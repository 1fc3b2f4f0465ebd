import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages, textsOf } from "./outbox/envelopes.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

async function openOutbox() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 5 });
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

Deno.test("rows that nobody can make sense of become dead letters, and hold up no other lane", async () => {
  await using outbox = await openOutbox();
  const { storage, pool } = outbox;
  await storage.outbox.store(messages("a1 b1 a2 c1 -1 -2 d1"));
  await pool.query("update sluice_outbox set attributes = 'null' where id in ('a1', '-1')");
  await pool.query("update sluice_outbox set body_text = null where id = 'c1'");
  const session = storage.outbox.open({ leaseMs: 60_000 });
  const rows = [...await session.read(100), ...await session.read(100)];
  assert.deepEqual(textsOf(rows).split(" ").sort(), ["-2", "b1", "d1"]);
  const letters = await storage.outbox.deadLetters.list();
  assert.deepEqual(letters.map(({ envelope: { id } }) => id).sort(), ["-1", "a1", "c1"]);
  for (const { envelope, attempts, error } of letters) {
    assert.equal(attempts, 0);
    assert.match(error, /^TypeError: Cannot read a stored message/);
    assert.equal(new TextDecoder().decode(envelope.body), envelope.id === "c1" ? "" : envelope.id);
  }
  await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  assert.equal((await storage.outbox.statistics()).parkedKeys, 2);
  // Somebody repairs one, and gives up the other.
  await pool.query(
    `update sluice_outbox_dead
     set attributes = '{"source":"/","time":0,"contentType":"text/plain"}' where id = 'a1'`,
  );
  await storage.outbox.deadLetters.requeue(["a1"]);
  await storage.outbox.deadLetters.discard(["c1", "-1"]);
  await storage.outbox.store(messages("c2"));
  const rest = [...await session.read(100), ...await session.read(100)];
  assert.deepEqual(textsOf(rest).split(" ").sort(), ["a1", "a2", "c2"]);
  assert.ok(textsOf(rest).indexOf("a1") < textsOf(rest).indexOf("a2"));
  await session[Symbol.asyncDispose]();
});

Deno.test("a row that waits and that nobody can make sense of any more becomes a dead letter", async () => {
  await using outbox = await openOutbox();
  const { storage, pool } = outbox;
  await storage.outbox.store(messages("a1 a2"));
  const session = storage.outbox.open({ leaseMs: 60_000 });
  const [a1, a2] = await session.read(100);
  assert.ok(a1 && a2);
  await session.settle([
    { row: a1, outcome: "failed", error: "no", retryAfterMs: 0 },
    { row: a2, outcome: "held" },
  ]);
  await pool.query("update sluice_outbox_waiting set attributes = '[]' where id = 'a1'");
  assert.equal(textsOf(await session.read(100)), "");
  const [letter] = await storage.outbox.deadLetters.list();
  assert.deepEqual([letter?.envelope.id, letter?.attempts], ["a1", 1]);
  await storage.outbox.deadLetters.discard(["a1"]);
  assert.equal(textsOf(await session.read(100)), "a2");
  await session[Symbol.asyncDispose]();
});
