import assert from "node:assert/strict";
import {
  type PgClient,
  pgConnection,
  type PgStatement,
  pgStatement,
} from "../../../../src/storage/postgres/pg_connection.ts";

/** A client whose statements end when they are told to. */
function client(options: { readonly pipeline?: boolean } = {}) {
  const sent: Array<{ statement: PgStatement; end: () => void }> = [];
  const value: PgClient = {
    ...options,
    query(statement) {
      const { promise, resolve } = Promise.withResolvers<void>();
      sent.push({ statement, end: resolve });
      return promise.then(() => ({ command: "SELECT", rows: [{ text: statement.text }] }));
    },
    on: () => {},
    removeListener: () => {},
  };
  return { value, sent, texts: () => sent.map(({ statement }) => statement.text) };
}

/** Lets promises that are settled be noticed. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

Deno.test("pgConnection() gives the driver one statement at a time, in their order", async () => {
  const { value, sent, texts } = client();
  const { query, run } = pgConnection(value, false);
  const results = [query("a", ["1"]), query("b"), run("c")];
  await settled();
  assert.deepEqual(texts(), ["a"]);
  sent[0]?.end();
  await settled();
  assert.deepEqual(texts(), ["a", "b"]);
  sent[1]?.end();
  await settled();
  sent[2]?.end();
  assert.deepEqual(await Promise.all(results), [[{ text: "a" }], [{ text: "b" }], "SELECT"]);
});

Deno.test("pgConnection() gives a driver with a pipeline all statements at once", async () => {
  const { value, sent, texts } = client({ pipeline: true });
  const { query } = pgConnection(value, false);
  const results = ["a", "b", "c"].map((text) => query(text));
  await settled();
  assert.deepEqual(texts(), ["a", "b", "c"]);
  for (const { end } of sent) end();
  await Promise.all(results);
});

Deno.test("pgConnection() goes on after a statement that failed", async () => {
  const failing = client();
  const rejecting = { ...failing.value, query: () => Promise.reject(new Error("No")) };
  const { query } = pgConnection(rejecting, false);
  await Promise.all([
    assert.rejects(query("a"), /^Error: No$/),
    assert.rejects(query("b"), /^Error: No$/),
  ]);
});

Deno.test("pgStatement() names a statement after its text if it is to be prepared", () => {
  const { name } = pgStatement("select $1::text", ["a"], true);
  assert.match(name ?? "", /^sluice_[0-9a-z_]+$/);
  assert.equal(pgStatement("select $1::text", ["b"], true).name, name);
  const texts = Array.from({ length: 50_000 }, (_, i) => `select $1::text from t${i}`);
  const names = new Set(texts.map((text) => pgStatement(text, ["a"], true).name));
  assert.equal(names.size, texts.length);
  for (const each of names) assert.ok(each !== undefined && each.length < 64);
});

Deno.test("pgStatement() names none that is not to be prepared, or cannot be", () => {
  assert.deepEqual(pgStatement("select $1::text", ["a"], false), {
    text: "select $1::text",
    values: ["a"],
  });
  assert.deepEqual(pgStatement("select 1; select 2", [], true), { text: "select 1; select 2" });
});
