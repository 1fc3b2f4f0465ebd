import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import type { ReplayEvent } from "@sluice/cqrs/stream";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { type PostgresServer, startPostgres } from "../services/postgres.ts";

const server = await startPostgres({ isOwn: true });
Deno.test.afterAll(() => server.stop());

function item(data: string, isLast = false): ReplayEvent {
  return { event: "item", data, isLast };
}

/** Two instances of an application on an empty database. */
async function openInstances({ createDatabase }: PostgresServer, notify: boolean) {
  const database = await createDatabase();
  const open = () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 4 });
    pool.on("error", () => {});
    return { pool, storage: postgresStorage(fromPg(pool), { notify }) };
  };
  const [first, second] = [open(), open()];
  await first.storage.migrate();
  return {
    log: first.storage.replay,
    elsewhere: second.storage.replay,
    query: (text: string) => first.pool.query(text),
    async [Symbol.asyncDispose]() {
      for (const { storage, pool } of [first, second]) {
        await storage[Symbol.asyncDispose]();
        await pool.end();
      }
      await database.drop();
    },
  };
}

/** Tries again while the database is away, as clients do that are answered with 503. */
async function eventually<T>(act: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + 20_000;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Resolves when the condition holds. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  await eventually(async () => assert.ok(await condition()));
}

for (const notify of [true, false]) {
  for (const mode of ["fast", "immediate"] as const) {
    Deno.test(`a stream goes on elsewhere through restarts of Postgres (${mode}, notify: ${notify})`, async () => {
      await using instances = await openInstances(server, notify);
      const { log, elsewhere } = instances;
      const writer = await log.create("run", "ada");
      const count = 3_000;
      const writing = (async () => {
        for (let n = 0; n < count; n++) {
          await writer.wanted();
          await writer.append(item(`${n}`, n === count - 1));
        }
      })();
      const read: string[] = [];
      let connections = 0;
      for (let isOver = false; !isOver;) {
        const reader = await eventually(() => elsewhere.open("run", "ada", read.length));
        assert.ok(reader !== undefined, `gone at ${read.length}`);
        connections++;
        try {
          for (let more = await reader.read(); !isOver; more = await reader.read()) {
            assert.ok(more !== undefined, `gone at ${read.length}`);
            for (const { data, isLast } of more) {
              read.push(data);
              isOver = isLast;
              if (read.length % 1_000 === 500) await server.restart({ mode });
            }
            if (isOver) break;
          }
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error; // else the connection breaks, and the client comes back
        } finally {
          await reader.close();
        }
      }
      await writing;
      assert.deepEqual(read, Array.from({ length: count }, (_, n) => `${n}`));
      assert.equal(writer.signal.aborted, false);
      if (mode === "immediate") assert.ok(connections > 1); // conversations do not outlive a crash
    });
  }

  Deno.test(`runs of an instance that stood still are found again (notify: ${notify})`, async () => {
    await using instances = await openInstances(server, notify);
    const { log, elsewhere, query } = instances;
    const writer = await log.create("run", "ada");
    await writer.append(item("0"));
    // As if its process had stood still for so long that others have forgotten it.
    await query("update sluice_replay_node set until = clock_timestamp() - interval '1 minute'");
    await elsewhere.create("other", "ada");
    await until(async () => await elsewhere.open("run", "ada", 0) !== undefined);
    assert.equal(writer.signal.aborted, false);
  });
}

Deno.test("an instance that ends leaves nothing behind", async () => {
  const counts = "select (select count(*) from sluice_replay_node)::int as nodes, " +
    "(select count(*) from sluice_replay_run)::int as runs, " +
    "(select count(*) from sluice_replay_link)::int as links, " +
    "(select count(*) from sluice_replay_answer)::int as answers";
  await using database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  const [storage, other] = [postgresStorage(fromPg(pool)), postgresStorage(fromPg(pool))];
  await storage.migrate();
  const writer = await storage.replay.create("run", "ada");
  const reader = await other.replay.open("run", "ada", 0);
  const reading = reader?.read();
  await writer.wanted();
  await writer.append(item("0"));
  await reading;
  const { rows: [before] } = await pool.query(counts);
  assert.deepEqual([before?.nodes, before?.runs, before?.links], [2, 1, 1]);
  await storage[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  const { rows } = await pool.query(counts);
  assert.deepEqual(rows, [{ nodes: 0, runs: 0, links: 0, answers: 0 }]);
  await pool.end();
});
