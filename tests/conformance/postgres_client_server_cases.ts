import assert from "node:assert/strict";
import {
  names,
  type PostgresClientCase,
  type PostgresClientHarness,
  put,
  rows,
} from "./postgres_client_harness.ts";

/** Closes a connection from outside, as a server that is shut down does. */
async function close({ other }: PostgresClientHarness, pid: unknown): Promise<void> {
  const text = "select pg_terminate_backend($1::integer, 10000) as is_closed";
  assert.deepEqual(await rows(other, text, [`${pid}`]), [{ "is_closed": true }]);
}

/** Closes all connections to the database but the one that does so. */
async function closeAll(harness: PostgresClientHarness): Promise<void> {
  const others = await harness.other(
    "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  assert.ok(others.length > 0, "There is no connection to close");
  for (const { pid } of others) await close(harness, pid);
}

const PID = "select pg_backend_pid() as pid";

/** Counts calls. */
class Calls {
  count = 0;
  #called = Promise.withResolvers<void>();

  readonly call = () => {
    this.count++;
    this.#called.resolve();
    this.#called = Promise.withResolvers();
  };

  /** Resolves when there have been so many. */
  async until(count: number): Promise<void> {
    while (this.count < count) await this.#called.promise;
  }
}

/** What a client of Postgres must do when connections are lost, and when there are notifications. */
export const postgresClientServerCases: readonly PostgresClientCase[] = [
  {
    name: "query() works again after the server has closed idle connections",
    needs: ["reconnection"],
    run: async (harness) => {
      const { query } = harness.client;
      await Promise.all(Array.from({ length: 4 }, () => query("select pg_sleep(0.01)")));
      await closeAll(harness);
      await query("select 1").catch(() => {});
      for (let i = 0; i < 8; i++) {
        assert.deepEqual(await rows(query, "select 1 as it"), [{ it: 1 }]);
      }
    },
  },
  {
    name: "query() works again after the server has closed the connection of a statement",
    needs: ["reconnection"],
    run: async (harness) => {
      const { query } = harness.client;
      const sleep = "select pg_sleep(600) /* sleeper */";
      const sleeping = assert.rejects(query(sleep));
      const text =
        "select pid from pg_stat_activity where query = $1::text and datname = current_database()";
      let [sleeper] = await harness.other(text, [sleep]);
      while (sleeper === undefined) [sleeper] = await harness.other(text, [sleep]);
      await close(harness, sleeper.pid);
      await sleeping;
      for (let i = 0; i < 8; i++) {
        const found = await rows(query, "select $1::text as it", ["x"]);
        assert.deepEqual(found, [{ it: "x" }]);
      }
    },
  },
  {
    name: "transaction() works again after the server has closed idle connections",
    needs: ["reconnection"],
    run: async (harness) => {
      const { client } = harness;
      const work = () => client.transaction(({ query }) => query("select pg_sleep(0.01)"));
      await Promise.all(Array.from({ length: 4 }, work));
      await closeAll(harness);
      await work().catch(() => {});
      for (let i = 0; i < 8; i++) await work();
    },
  },
  {
    name: "transaction() rejects if the server closes its connection, and nothing of it is kept",
    needs: ["reconnection"],
    run: async (harness) => {
      const { client } = harness;
      const transaction = client.transaction(async ({ query }) => {
        await put(query, "a");
        const [row] = await query(PID);
        await close(harness, row?.pid);
        await put(query, "b");
      });
      await assert.rejects(transaction);
      for (let i = 0; i < 8; i++) await client.transaction(({ query }) => put(query, `c${i}`));
      for (let i = 0; i < 8; i++) await put(client.query, `d${i}`);
      const expected = ["c", "d"].flatMap((name) => Array.from({ length: 8 }, (_, i) => name + i));
      assert.deepEqual(await names(harness), expected);
    },
  },
  {
    name: "transaction() rejects if its connection was lost, also if its work does not notice",
    needs: ["reconnection"],
    run: async (harness) => {
      const { client } = harness;
      const transaction = client.transaction(async ({ query }) => {
        await put(query, "a");
        const [row] = await query(PID);
        await close(harness, row?.pid);
        await put(query, "b").catch(() => {});
        await put(query, "c").catch(() => {});
        return "done";
      });
      await assert.rejects(transaction);
      await put(client.query, "d");
      await client.transaction(({ query }) => put(query, "e"));
      assert.deepEqual(await names(harness), ["d", "e"]);
    },
  },
  {
    name: "transaction() rethrows what its work throws, also if it cannot roll back",
    needs: ["reconnection"],
    run: async (harness) => {
      const { client } = harness;
      for (const isNoticed of [true, false]) {
        const error = new Error("No");
        const transaction = client.transaction(async ({ query }) => {
          await put(query, "a");
          const [row] = await query(PID);
          await close(harness, row?.pid);
          if (isNoticed) await put(query, "b").catch(() => {});
          throw error;
        });
        await assert.rejects(transaction, (thrown) => thrown === error);
      }
      for (let i = 0; i < 8; i++) await client.transaction(({ query }) => put(query, `c${i}`));
      for (let i = 0; i < 8; i++) await put(client.query, `d${i}`);
      assert.equal((await names(harness)).length, 16);
    },
  },
  {
    name: "transaction() lets no statement through once its connection was lost",
    needs: ["reconnection", "connections"],
    run: async (harness) => {
      const { client, run } = harness;
      const transaction = client.transaction(async (scope) => {
        const [row] = await scope.query(PID);
        await close(harness, row?.pid);
        await scope.query("select 1").catch(() => {});
        // The connection is made anew meanwhile, by others.
        const busy = Array.from({ length: 8 }, () => rows(client.query, "select 1"));
        await Promise.allSettled(busy);
        await Promise.allSettled([
          put(scope.query, "a"),
          (async () => await run(scope.client, "insert into entry values ('b')"))(),
        ]);
      });
      await assert.rejects(transaction);
      await put(client.query, "c");
      assert.deepEqual(await names(harness), ["c"]);
    },
  },
  {
    name: "listen() calls back at each notification on its channel, until it is disposed",
    needs: ["notifications"],
    run: async ({ client, other }) => {
      const [mine, others] = [new Calls(), new Calls()];
      const listening = await client.listen?.("Some Channel", mine.call);
      assert.ok(listening !== undefined);
      await using _listening = await client.listen?.("some channel", others.call);
      await other(`notify "Some Channel"`);
      await mine.until(1);
      await other(`notify "Some Channel", 'with a payload'`);
      await mine.until(2);
      assert.equal(others.count, 0);
      await listening[Symbol.asyncDispose]();
      await listening[Symbol.asyncDispose]();
      await other(`notify "Some Channel"`);
      await other(`notify "some channel"`);
      await others.until(1);
      assert.equal(mine.count, 2);
    },
  },
  {
    name: "listen() can be called several times for one channel",
    needs: ["notifications"],
    run: async ({ client, other }) => {
      const [first, second] = [new Calls(), new Calls()];
      const both = [
        await client.listen?.("a", first.call),
        await client.listen?.("a", second.call),
      ];
      await other("notify a");
      await Promise.all([first.until(1), second.until(1)]);
      await both[0]?.[Symbol.asyncDispose]();
      await other("notify a");
      await second.until(2);
      assert.equal(first.count, 1);
      await both[1]?.[Symbol.asyncDispose]();
      await using _again = await client.listen?.("a", first.call);
      await other("notify a");
      await first.until(2);
      assert.equal(second.count, 2);
    },
  },
  {
    name: "listen() hears of a transaction when it is committed",
    needs: ["notifications"],
    run: async ({ client, other }) => {
      const calls = new Calls();
      await using _listening = await client.listen?.("a", calls.call);
      await assert.rejects(client.transaction(async ({ query }) => {
        await query("notify a");
        throw new Error("No");
      }));
      await client.transaction(async ({ query }) => {
        await query("notify a, '1'");
        await query("notify a, '2'");
      });
      await calls.until(2);
      await other("notify a");
      await calls.until(3);
      assert.equal(calls.count, 3);
    },
  },
  {
    name: "listen() connects again, and calls back as something may have been missed",
    needs: ["notifications", "reconnection"],
    run: async (harness) => {
      const calls = new Calls();
      const listening = await harness.client.listen?.("a", calls.call);
      for (let i = 0; i < 3; i++) {
        const { count } = calls;
        await closeAll(harness);
        await calls.until(count + 1);
        assert.equal(calls.count, count + 1);
        await harness.other("notify a");
        await calls.until(count + 2);
      }
      await listening?.[Symbol.asyncDispose]();
      const { count } = calls;
      const after = new Calls();
      await using _after = await harness.client.listen?.("b", after.call);
      await harness.other("notify a");
      await harness.other("notify b");
      await after.until(1);
      assert.equal(calls.count, count);
    },
  },
];
