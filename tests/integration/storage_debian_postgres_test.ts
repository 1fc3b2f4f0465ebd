/**
 * The cases of storages on the Postgres of Debian, which is older than the one that npm carries.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- what is left out is for the reader of the output

// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { fromPg } from "../../src/storage/postgres/from_pg.ts";
import { postgresHarness } from "../conformance/postgres_harness.ts";
import { testStorage } from "../conformance/storage_runner.ts";
import { tryStartPostgres } from "../services/postgres.ts";

const server = await tryStartPostgres({ binaries: "debian" });

if (server === undefined) {
  console.log("Not tested, as there is no Postgres of Debian: the storage on an older Postgres");
} else {
  const [version] = server.version.split(" "); // Debian's own number follows
  Deno.test.afterAll(() => server.stop());
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
