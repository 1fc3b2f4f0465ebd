import postgres from "postgres";
import { fromPostgresJs } from "../../src/storage/postgres/from_postgres_js.ts";
import { tryStartPostgres } from "../services/postgres.ts";
import { postgresHarness } from "./postgres_harness.ts";
import { testStorage } from "./storage_runner.ts";

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testStorage("postgresStorage(fromPostgresJs())", {
    isConcurrent: true,
    async harness() {
      const sql = postgres(server.url, { max: 8, onnotice: () => {} });
      const harness = await postgresHarness(fromPostgresJs(sql), { isConcurrent: true });
      return {
        ...harness,
        async [Symbol.asyncDispose]() {
          await harness[Symbol.asyncDispose]();
          await sql.end();
        },
      };
    },
  });
}
