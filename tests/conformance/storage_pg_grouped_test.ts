// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { fromPg } from "../../src/storage/postgres/from_pg.ts";
import { sagaStoreCases } from "../../src/testing/saga_cases.ts";
import { tryStartPostgres } from "../services/postgres.ts";
import { postgresHarness } from "./postgres_harness.ts";
import { testStorage } from "./storage_runner.ts";

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testStorage("postgresStorage(fromPg(), { sagas: { groupCheckpoints: true } })", {
    cases: sagaStoreCases,
    isConcurrent: true,
    async harness() {
      const pool = new pg.Pool({ connectionString: server.url, max: 8 });
      const harness = await postgresHarness(fromPg(pool, { prepare: true }), {
        isConcurrent: true,
        sagas: { groupCheckpoints: true },
      });
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
