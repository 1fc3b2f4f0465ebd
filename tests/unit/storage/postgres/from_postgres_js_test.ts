import assert from "node:assert/strict";
import { fromPostgresJs } from "../../../../src/storage/postgres/from_postgres_js.ts";
import type {
  PostgresJsPending,
  PostgresJsQueryable,
  PostgresJsSql,
} from "../../../../src/storage/postgres/postgres_js_sql.ts";
import { ManualClock } from "../../../../src/testing/manual_clock.ts";

/** An error as the driver gives it: with the statement. */
function driverError(code: string): Error {
  return Object.assign(new Error(code), { code, query: "select", parameters: [] });
}

/** `sql`, of which the next statements fail. */
class Sql implements PostgresJsSql {
  readonly options = { max: 2, transform: { column: {} } };
  readonly done: string[] = [];
  /** With which errors the next statements fail, and whether they are sent before. */
  readonly failures: Array<{ readonly error: Error; readonly isSent: boolean }> = [];
  /** Ends a transaction at once, as the driver does when its connection is lost. */
  lose: (error: Error) => void = () => {};

  unsafe(text: string): PostgresJsPending {
    const failure = this.failures.shift();
    this.done.push(text);
    const result = failure === undefined ? Promise.resolve([]) : Promise.reject(failure.error);
    return Object.assign(result, { state: failure?.isSent === false ? null : {} });
  }

  typed(value: string | null): unknown {
    return value;
  }

  async begin(run: (sql: PostgresJsQueryable) => Promise<unknown>): Promise<unknown> {
    await this.unsafe("begin");
    const loss = new Promise<never>((_, reject) => this.lose = reject);
    const scope = async () => {
      try {
        const result = await run(this);
        this.done.push("commit");
        return result;
      } catch (error) {
        this.done.push("rollback");
        throw error;
      }
    };
    return await Promise.race([scope(), loss]);
  }

  listen(): Promise<never> {
    throw new Error("Nothing listens here");
  }
}

Deno.test("query() is run again if it was not sent, once for each connection at most", async () => {
  const sql = new Sql();
  const unsent = { error: driverError("57P01"), isSent: false };
  sql.failures.push(unsent, unsent);
  assert.deepEqual(await fromPostgresJs(sql).query("select 1"), []);
  assert.equal(sql.done.length, 3);
  sql.failures.push(unsent, unsent, unsent);
  await assert.rejects(fromPostgresJs(sql).query("select 1"), { code: "57P01" });
  assert.equal(sql.done.length, 6);
});

Deno.test("query() is not run again if it was sent, or failed for another reason", async () => {
  const failures = [
    { error: driverError("57P01"), isSent: true },
    { error: driverError("CONNECTION_CLOSED"), isSent: true },
    { error: driverError("CONNECT_TIMEOUT"), isSent: false },
    { error: driverError("28P01"), isSent: false },
  ];
  for (const failure of failures) {
    const sql = new Sql();
    sql.failures.push(failure);
    await assert.rejects(fromPostgresJs(sql).query("insert"), (error) => error === failure.error);
    assert.deepEqual(sql.done, ["insert"]);
  }
});

Deno.test("transaction() begins again as long as nothing was done in it", async () => {
  const sql = new Sql();
  sql.failures.push({ error: driverError("57P01"), isSent: true });
  await fromPostgresJs(sql).transaction(({ query }) => query("select 1"));
  assert.deepEqual(sql.done, ["begin", "begin", "select 1", "commit"]);
});

Deno.test("transaction() is not run again when it was begun", async () => {
  const sql = new Sql();
  const clock = new ManualClock();
  let runs = 0;
  const transaction = fromPostgresJs(sql, { clock }).transaction(() => {
    runs++;
    return Promise.reject(driverError("57P01"));
  });
  await assert.rejects(transaction, { code: "57P01" });
  assert.equal(runs, 1);
});

Deno.test("transaction() sends nothing more when its connection was lost, and waits for its work", async () => {
  const sql = new Sql();
  const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isOver = false;
  const transaction = fromPostgresJs(sql).transaction(async ({ client, query }) => {
    begun.resolve();
    await go.promise;
    await assert.rejects(query("late"), /^TypeError: Cannot run a statement as its transaction/);
    const handle: PostgresJsQueryable = client;
    assert.throws(() => handle.unsafe("late"), TypeError);
    isOver = true;
  });
  const rejected = assert.rejects(transaction, { code: "CONNECTION_CLOSED" });
  await begun.promise;
  sql.lose(driverError("CONNECTION_CLOSED"));
  for (let turn = 0; turn < 20; turn++) await undefined;
  go.resolve();
  await rejected;
  assert.equal(isOver, true);
  assert.deepEqual(sql.done, ["begin"]);
});

Deno.test("transaction() waits for the driver to notice a loss that it has told of", async () => {
  const sql = new Sql();
  const clock = new ManualClock();
  const transaction = fromPostgresJs(sql, { clock }).transaction(({ query }) => {
    sql.failures.push({ error: driverError("ECONNRESET"), isSent: true });
    return query("select 1");
  });
  const rejected = assert.rejects(transaction, { code: "ECONNRESET" });
  await clock.timersPending();
  sql.lose(driverError("CONNECTION_CLOSED"));
  await rejected;
  assert.deepEqual(sql.done, ["begin", "select 1"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("transaction() rolls back after a second if the driver does not notice a loss", async () => {
  const sql = new Sql();
  const clock = new ManualClock();
  const error = new Error("Wrapped", { cause: driverError("EPIPE") });
  const rejected = assert.rejects(
    fromPostgresJs(sql, { clock }).transaction(() => Promise.reject(error)),
    (thrown) => thrown === error,
  );
  await clock.advance(999);
  assert.deepEqual(sql.done, ["begin"]);
  await clock.advance(1);
  await rejected;
  assert.deepEqual(sql.done, ["begin", "rollback"]);
});

Deno.test("transaction() rolls back at once for an error that only looks like a loss", async () => {
  const sql = new Sql();
  const clock = new ManualClock();
  const errors = [
    Object.assign(new Error("No such file"), { code: "ENOENT" }),
    driverError("ERR_INVALID_ARG_TYPE"),
    driverError("UNDEFINED_VALUE"),
    driverError("23505"),
  ];
  for (const error of errors) {
    const transaction = fromPostgresJs(sql, { clock }).transaction(() => Promise.reject(error));
    await assert.rejects(transaction, (thrown) => thrown === error);
  }
  assert.deepEqual(sql.done, errors.flatMap(() => ["begin", "rollback"]));
});

Deno.test("query() and transaction() are kept back for a moment when a connection was lost", async () => {
  const sql = new Sql();
  const clock = new ManualClock(1_000);
  const client = fromPostgresJs(sql, { clock });
  sql.failures.push({ error: driverError("EPIPE"), isSent: true });
  await assert.rejects(client.query("a"), { code: "EPIPE" });
  const [query, transaction] = [client.query("b"), client.transaction(() => Promise.resolve())];
  await clock.advance(49);
  assert.deepEqual(sql.done, ["a"]);
  await clock.advance(1);
  await Promise.all([query, transaction]);
  await client.query("c");
  assert.deepEqual(sql.done, ["a", "b", "begin", "commit", "c"]);
  sql.failures.push({ error: driverError("23505"), isSent: true });
  await assert.rejects(client.query("d"), { code: "23505" });
  await client.query("e");
});

Deno.test("query() finds columns under their names, also if the driver was told to rename them", async () => {
  const sql = Object.assign(new Sql(), {
    options: { max: 1, transform: { column: { from: (name: string) => name.toUpperCase() } } },
    unsafe: () => Object.assign(Promise.resolve([{ "IS_THERE": true }]), { state: {} }),
  });
  const [row] = await fromPostgresJs(sql).query("select true as is_there");
  assert.equal(row?.is_there, true);
});
