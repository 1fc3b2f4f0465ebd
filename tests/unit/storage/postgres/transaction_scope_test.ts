import assert from "node:assert/strict";
import type { PostgresTransactionScope } from "../../../../src/storage/postgres/client.ts";
import {
  runTransaction,
  type TransactionSteps,
} from "../../../../src/storage/postgres/transaction_scope.ts";

const ENDED = {
  name: "TypeError",
  message: "Cannot run a statement as its transaction has ended",
};

/** Steps that are recorded, of which some fail. */
function steps(failing: Partial<Record<string, unknown>> = {}, isCommitted = true) {
  const done: string[] = [];
  const step = <R>(name: string, result: R): Promise<R> => {
    done.push(name);
    return name in failing ? Promise.reject(failing[name]) : Promise.resolve(result);
  };
  const value: TransactionSteps<string> = {
    client: "handle",
    query: (text) => step(text, []),
    begin: () => step("begin", undefined),
    commit: () => step("commit", isCommitted),
    rollback: () => step("rollback", undefined),
    onBroken: () => done.push("broken"),
  };
  return { done, value };
}

Deno.test("runTransaction() begins, runs and commits", async () => {
  const { done, value } = steps();
  const result = await runTransaction(value, async ({ client, query }) => {
    assert.deepEqual(await query("select 1"), []);
    return client;
  });
  assert.equal(result, "handle");
  assert.deepEqual(done, ["begin", "select 1", "commit"]);
});

Deno.test("runTransaction() rolls back and rethrows what is thrown, also before the first wait", async () => {
  const { done, value } = steps();
  const error = new Error("No");
  const run = () => {
    throw error;
  };
  await assert.rejects(runTransaction(value, run), (thrown) => thrown === error);
  assert.deepEqual(done, ["begin", "rollback"]);
});

Deno.test("runTransaction() rethrows what is thrown, and says that the connection is broken, if the rollback fails", async () => {
  const { done, value } = steps({ rollback: new Error("Lost") });
  const error = new Error("No");
  const transaction = runTransaction(value, () => Promise.reject(error));
  await assert.rejects(transaction, (thrown) => thrown === error);
  assert.deepEqual(done, ["begin", "rollback", "broken"]);
});

Deno.test("runTransaction() runs nothing, and says that the connection is broken, if it cannot begin", async () => {
  const { done, value } = steps({ begin: new Error("Lost") });
  const transaction = runTransaction(value, () => assert.fail("It ran"));
  await assert.rejects(transaction, /^Error: Lost$/);
  assert.deepEqual(done, ["begin", "broken"]);
});

Deno.test("runTransaction() rolls back if the commit fails", async () => {
  const { done, value } = steps({ commit: new Error("Deferred") });
  await assert.rejects(runTransaction(value, () => Promise.resolve()), /^Error: Deferred$/);
  assert.deepEqual(done, ["begin", "commit", "rollback"]);
});

Deno.test("runTransaction() rejects if the commit was answered with a rollback, with what had failed first", async () => {
  const cause = new Error("First");
  const { done, value } = steps({ "insert 1": cause, "insert 2": new Error("Second") }, false);
  const transaction = runTransaction(value, async ({ query }) => {
    await query("insert 1").catch(() => {});
    await query("insert 2").catch(() => {});
  });
  await assert.rejects(transaction, (error) => {
    assert.ok(error instanceof TypeError);
    assert.equal(error.message, "Cannot commit as a statement of the transaction has failed");
    assert.equal(error.cause, cause);
    return true;
  });
  assert.deepEqual(done, ["begin", "insert 1", "insert 2", "commit"]);
});

Deno.test("runTransaction() takes no statements once it commits", async () => {
  const { done, value } = steps();
  const scopes: Array<PostgresTransactionScope<string>> = [];
  const late: Array<Promise<unknown>> = [];
  const query = () => scopes[0]?.query("late") ?? assert.fail();
  await runTransaction({
    ...value,
    commit: () => {
      late.push(assert.rejects(query(), ENDED));
      return value.commit();
    },
  }, (scope) => Promise.resolve(scopes.push(scope)));
  late.push(assert.rejects(query(), ENDED));
  assert.equal((await Promise.all(late)).length, 2);
  assert.deepEqual(done, ["begin", "commit"]);
});

Deno.test("runTransaction() takes no statements once it has rolled back", async () => {
  const { done, value } = steps();
  const scopes: Array<PostgresTransactionScope<string>> = [];
  const transaction = runTransaction(value, (scope) => {
    scopes.push(scope);
    throw new Error("No");
  });
  await assert.rejects(transaction);
  await assert.rejects(scopes[0]?.query("late") ?? assert.fail(), ENDED);
  assert.deepEqual(done, ["begin", "rollback"]);
});
