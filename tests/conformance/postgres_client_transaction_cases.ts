import assert from "node:assert/strict";
import { sqlStateOf } from "../../src/storage/postgres/sql_state.ts";
import { hasState, names, type PostgresClientCase, put, rows } from "./postgres_client_harness.ts";

/** Whether an error says that a statement has failed, or is that of the statement. */
function isAboutStatement(error: unknown): boolean {
  const isSaid = error instanceof TypeError &&
    error.message === "Cannot commit as a statement of the transaction has failed";
  return isSaid || sqlStateOf(error) === "23505";
}

/** What `transaction` and `join` of a client of Postgres must do. */
export const postgresClientTransactionCases: readonly PostgresClientCase[] = [
  {
    name: "transaction() commits, and resolves to what its work does",
    run: async (harness) => {
      const result = await harness.client.transaction(async ({ query }) => {
        await put(query, "a");
        await put(query, "b");
        return ["a", Promise.resolve("b"), undefined];
      });
      assert.ok(result[1] instanceof Promise);
      assert.deepEqual(result, ["a", result[1], undefined]);
      assert.deepEqual(await names(harness), ["a", "b"]);
      assert.equal(await harness.client.transaction(async () => {}), undefined);
    },
  },
  {
    name: "transaction() gives the driver's handle, whose statements are part of it",
    run: async (harness) => {
      const { client, run } = harness;
      await client.transaction(async (scope) => {
        await run(scope.client, "insert into entry values ('a')");
        assert.deepEqual(await rows(scope.query, "select name from entry"), [{ name: "a" }]);
      });
      await assert.rejects(client.transaction(async (scope) => {
        await run(scope.client, "insert into entry values ('b')");
        throw new Error("No");
      }));
      assert.deepEqual(await names(harness), ["a"]);
    },
  },
  {
    name: "transaction() rolls back and rethrows what its work throws, whatever that is",
    run: async (harness) => {
      const { client } = harness;
      for (const thrown of [new Error("No"), "text", undefined, { code: "40001" }]) {
        const rejected = await client.transaction(async ({ query }) => {
          await put(query, "a");
          throw thrown;
        }).then(() => assert.fail("It resolved"), (error) => ({ error }));
        assert.equal(rejected.error, thrown);
      }
      assert.deepEqual(await names(harness), []);
      assert.deepEqual(await rows(client.query, "select 1 as it"), [{ it: 1 }]);
    },
  },
  {
    name: "transaction() rethrows the error of a statement",
    run: async (harness) => {
      const caught: unknown[] = [];
      const rejected = await harness.client.transaction(async ({ query }) => {
        await put(query, "a");
        await put(query, "a").catch((error) => {
          caught.push(error);
          throw error;
        });
      }).then(() => assert.fail("It resolved"), (error) => error);
      assert.equal(rejected, caught[0]);
      assert.ok(hasState("23505")(rejected));
      assert.deepEqual(await names(harness), []);
    },
  },
  {
    name: "transaction() rejects if a statement has failed, also if the error was caught",
    run: async (harness) => {
      const { client, run } = harness;
      const swallowing: Array<Parameters<typeof client.transaction>[0]> = [
        ({ query }) => put(query, "a").catch(() => {}),
        (scope) => run(scope.client, "insert into entry values ('a')").catch(() => {}),
      ];
      await put(client.query, "a");
      for (const swallow of swallowing) {
        const transaction = client.transaction(async (scope) => {
          await put(scope.query, "b");
          await swallow(scope);
          return "done";
        });
        await assert.rejects(transaction, isAboutStatement);
        assert.deepEqual(await names(harness), ["a"]);
        await client.transaction(({ query }) => rows(query, "select 1"));
      }
    },
  },
  {
    name: "transaction() rejects if the commit fails, and goes on",
    run: async (harness) => {
      const { client } = harness;
      const transaction = client.transaction(({ query }) => put(query, "a", "nobody"));
      await assert.rejects(transaction, hasState("23503"));
      assert.deepEqual(await names(harness), []);
      await client.transaction(({ query }) => put(query, "b"));
      assert.deepEqual(await names(harness), ["b"]);
    },
  },
  {
    name: "transaction() runs statements that were given to it at once, in their order",
    run: async (harness) => {
      const results = await harness.client.transaction(async ({ query }) => {
        await query("create temporary sequence step");
        return await Promise.all(
          Array.from(
            { length: 50 },
            () => query("select nextval('step')::text as n where $1::text <> ''", ["x"]),
          ),
        );
      });
      assert.deepEqual(
        results.map(([row]) => row?.n),
        Array.from({ length: 50 }, (_, i) => `${i + 1}`),
      );
    },
  },
  {
    name: "transaction() commits what its work did not wait for",
    run: async (harness) => {
      const statements: Array<Promise<void>> = [];
      await harness.client.transaction(({ query }) => {
        for (const name of ["a", "b", "c"]) statements.push(put(query, name));
        return Promise.resolve();
      });
      await Promise.all(statements);
      assert.deepEqual(await names(harness), ["a", "b", "c"]);
    },
  },
  {
    name: "transaction() rolls everything back if one of several statements at once fails",
    run: async (harness) => {
      const { client } = harness;
      const statements: Array<Promise<unknown>> = [];
      const transaction = client.transaction(async ({ query }) => {
        for (const name of ["a", "b", "b", "c"]) statements.push(put(query, name));
        // By then the driver may have ended it.
        statements.push(statements[2]?.catch(() => put(query, "d")) ?? assert.fail());
        await Promise.all(statements);
      });
      await assert.rejects(transaction, hasState("23505"));
      await Promise.allSettled(statements);
      assert.deepEqual(await names(harness), []);
      await put(client.query, "e");
      assert.deepEqual(await names(harness), ["e"]);
    },
  },
  {
    name: "transaction() keeps transactions apart that run at once",
    run: async (harness) => {
      const { client } = harness;
      const work = (name: string) =>
        client.transaction(async ({ query }) => {
          for (let i = 0; i < 5; i++) await put(query, `${name}${i}`);
          if (name === "b") throw new Error("No");
          return name;
        });
      const outcomes = await Promise.allSettled(["a", "b", "c"].map(work));
      assert.deepEqual(outcomes.map(({ status }) => status), [
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      const expected = ["a", "c"].flatMap((name) => [0, 1, 2, 3, 4].map((i) => `${name}${i}`));
      assert.deepEqual(await names(harness), expected);
    },
  },
  {
    name: "transaction() takes no part of what is done outside of it meanwhile",
    run: async (harness) => {
      const { client } = harness;
      const outside: Array<Promise<unknown>> = [];
      const transaction = client.transaction(async ({ query }) => {
        await put(query, "inside");
        outside.push(put(client.query, "outside"));
        outside.push(client.transaction((scope) => put(scope.query, "other")));
        for (let i = 0; i < 5; i++) await query("select 1");
        throw new Error("No");
      });
      await assert.rejects(transaction, /^Error: No$/);
      await Promise.all(outside);
      assert.deepEqual(await names(harness), ["other", "outside"]);
    },
  },
  {
    name: "transaction() can be called within another, and is then one of its own",
    needs: ["connections"],
    run: async (harness) => {
      const { client } = harness;
      const outer = client.transaction(async (scope) => {
        await put(scope.query, "outer");
        await client.transaction(({ query }) => put(query, "inner"));
        assert.deepEqual(await names(harness), ["inner"]);
        throw new Error("No");
      });
      await assert.rejects(outer, /^Error: No$/);
      assert.deepEqual(await names(harness), ["inner"]);
    },
  },
  {
    name: "transaction() takes no statements once it has ended",
    run: async (harness) => {
      const { client } = harness;
      const scopes: Array<Parameters<Parameters<typeof client.transaction>[0]>[0]> = [];
      await client.transaction((scope) => Promise.resolve(scopes.push(scope)));
      await assert.rejects(
        client.transaction((scope) => {
          scopes.push(scope);
          throw new Error("No");
        }),
      );
      assert.equal(scopes.length, 2);
      for (const { query } of scopes) await assert.rejects(put(query, "a"), TypeError);
      assert.deepEqual(await names(harness), []);
    },
  },
  {
    name: "transaction() rejects with the code of Postgres what cannot be serialized",
    needs: ["connections"],
    run: async (harness) => {
      const { client } = harness;
      const transaction = client.transaction(async ({ query }) => {
        await query("set transaction isolation level serializable");
        await query("select name from entry");
        await client.transaction(async (scope) => {
          await scope.query("set transaction isolation level serializable");
          await scope.query("select name from entry");
          await put(scope.query, "a");
        });
        await put(query, "b");
      });
      await assert.rejects(transaction, hasState("40001"));
      assert.deepEqual(await names(harness), ["a"]);
    },
  },
  {
    name: "join() runs statements in a transaction that the application has opened",
    run: async (harness) => {
      const { client, open } = harness;
      await open(async (handle) => {
        const scope = client.join(handle);
        assert.equal(scope.client, handle);
        await Promise.all([put(scope.query, "a"), put(scope.query, "b")]);
        const found = await rows(scope.query, "select name from entry where name = $1::text", [
          "b",
        ]);
        assert.deepEqual(found, [{ name: "b" }]);
      });
      assert.deepEqual(await names(harness), ["a", "b"]);
      const error = new Error("No");
      const work = open(async (handle) => {
        await put(client.join(handle).query, "c");
        throw error;
      });
      await assert.rejects(work, (thrown) => thrown === error);
      assert.deepEqual(await names(harness), ["a", "b"]);
    },
  },
];
