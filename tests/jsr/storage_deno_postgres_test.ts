import { Pool } from "@db/postgres";
import { fromDenoPostgres } from "../../src/storage/postgres/from_deno_postgres.ts";
import { postgresHarness } from "../conformance/postgres_harness.ts";
import { testStorage } from "../conformance/storage_runner.ts";
import { tryStartPostgres } from "../services/postgres.ts";

const server = await tryStartPostgres();

// As its users are told to: else each statement with parameters takes 40 ms.
const { connect } = Deno;
Deno.connect = (async (options: Deno.ConnectOptions) => {
  const connection = await connect(options);
  connection.setNoDelay();
  return connection;
}) as typeof connect;

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testStorage("postgresStorage(fromDenoPostgres())", {
    isConcurrent: true,
    async harness() {
      const pool = new Pool(server.url, 8, true);
      const harness = await postgresHarness(fromDenoPostgres(pool), { isConcurrent: true });
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
