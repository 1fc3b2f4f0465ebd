import assert from "node:assert/strict";
import { ConcurrencyError } from "../../../../src/storage/mod.ts";
import type { PostgresQuery } from "../../../../src/storage/postgres/client.ts";
import { SessionQuery } from "../../../../src/storage/postgres/session_query.ts";
import {
  freshQuery,
  tableQuery,
  transactionError,
  tryingQuery,
} from "../../../../src/storage/postgres/storage_query.ts";

const failure = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });

/** Fails so often, and then gives a row. */
function failing(code: string, times: number) {
  const query: PostgresQuery & { calls: number } = Object.assign(
    () =>
      ++query.calls > times ? Promise.resolve([{ n: query.calls }]) : Promise.reject(failure(code)),
    { calls: 0 },
  );
  return query;
}

Deno.test("tryingQuery() tries again what the database has refused as others were faster", async () => {
  for (const code of ["40001", "40P01"]) {
    assert.deepEqual(await tryingQuery(failing(code, 4))("select 1"), [{ n: 5 }]);
    await assert.rejects(tryingQuery(failing(code, 5))("select 1"), { code });
  }
  const other = failing("23505", 1);
  await assert.rejects(tryingQuery(other)("select 1"), { code: "23505" });
  assert.equal(other.calls, 1);
});

Deno.test("tableQuery() says what to do where tables are missing, and tries nothing again", async () => {
  for (const code of ["42P01", "42703", "3F000"]) {
    const query = failing(code, 1);
    await assert.rejects(tableQuery(query)("select 1"), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /call migrate\(\) first$/);
      assert.equal(Object(error.cause).code, code);
      return true;
    });
  }
  await assert.rejects(tableQuery(failing("40001", 1))("select 1"), { code: "40001" });
});

Deno.test("transactionError() is a ConcurrencyError for conflicts, and else what was thrown", () => {
  const cause = failure("40001");
  const error = transactionError(cause);
  assert.ok(error instanceof ConcurrencyError);
  assert.equal(error.cause, cause);
  assert.equal(transactionError("x"), "x");
});

Deno.test("freshQuery() sends no parameters, so that no driver prepares the statement", async () => {
  const sent: unknown[] = [];
  const query = freshQuery((text, parameters) => {
    sent.push([text, parameters]);
    return Promise.resolve([]);
  });
  await query("select $1::text", ["it's"]);
  assert.deepEqual(sent, [["select E'it''s'::text", undefined]]);
});

Deno.test("SessionQuery prepares hot statements while the queue is large, and others never", async () => {
  const sent: unknown[] = [];
  const query = new SessionQuery((_text, parameters = []) => {
    sent.push(parameters.length);
    return Promise.resolve([]);
  });
  const send = () => query.hot("select $1", ["x"]);
  await send();
  query.learn({ key: "1999" });
  await send();
  query.learn({ key: "2000" });
  await send();
  query.learn(undefined);
  await send();
  await query.fresh("select $1", ["x"]);
  query.learn({ key: "0" });
  await send();
  assert.deepEqual(sent, [0, 0, 1, 1, 0, 0]);
});
