/**
 * The cases of storages on the Postgres of Debian, which is older than the one that npm carries.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- what is left out is for the reader of the output

import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { fromPg } from "../../src/storage/postgres/from_pg.ts";
import { postgresStorage } from "../../src/storage/postgres/postgres_storage.ts";
import { postgresHarness } from "../conformance/postgres_harness.ts";
import { testStorage } from "../conformance/storage_runner.ts";
import { tryStartPostgres } from "../services/postgres.ts";
import { kindOf, spiedClient } from "./outbox/spied_client.ts";

const server = await tryStartPostgres({ binaries: "debian" });

if (server === undefined) {
  console.log("Not tested, as there is no Postgres of Debian: the storage on an older Postgres");
} else {
  const [version] = server.version.split(" "); // Debian's own number follows
  Deno.test.afterAll(() => server.stop());

  Deno.test(`a look at the outbox is not compiled by Postgres ${version}, which would take 100 times as long`, async () => {
    await using database = await server.createDatabase();
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    pool.on("error", () => {});
    const client = spiedClient(fromPg(pool));
    const storage = postgresStorage(client);
    await storage.migrate();
    await using session = storage.outbox.open({ leaseMs: 60_000 });
    assert.deepEqual(await session.read(10), []);
    const sent = client.sent.findLast((each) => kindOf(each) === "survey");
    assert.ok(sent);
    const { rows: [jit] } = await pool.query("show jit");
    assert.equal(jit.jit, "on");
    const { rows } = await pool.query(`explain (analyze) ${sent.text}`, [...sent.parameters]);
    assert.equal(rows.some((row) => row["QUERY PLAN"].includes("JIT")), false);
    await session[Symbol.asyncDispose]();
    await pool.end();
  });

  testStorage(`postgresStorage(fromPg()) on Postgres ${version}`, {
    isConcurrent: true,
    async harness() {
      const pool = new pg.Pool({ connectionString: server.url, max: 8 });
      const harness = await postgresHarness(fromPg(pool), { isConcurrent: true });
      return {
        ...harness,
        async [Symbol.asyncDispose]() {
          await harness[Symbol.asyncDispose]();
          await pool.end();
        },
      };
    },
  });
}
