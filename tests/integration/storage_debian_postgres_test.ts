/**
 * The cases of storages on the Postgres of Debian, which is older than the one that npm carries.
 *
 * @module
 */

// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { fromPg } from "../../src/storage/postgres/from_pg.ts";
import { postgresHarness } from "../conformance/postgres_harness.ts";
import { testStorage } from "../conformance/storage_runner.ts";
import { tryStartPostgres } from "../services/postgres.ts";

const server = await tryStartPostgres({ binaries: "debian" });

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testStorage(`postgresStorage(fromPg()) on Postgres ${server.version}`, {
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
