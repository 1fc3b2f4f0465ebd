import postgres from "postgres";
import { fromPostgresJs } from "../../src/storage/postgres/from_postgres_js.ts";
import { postgresNames } from "../../src/storage/postgres/names.ts";
import { postgresStorage } from "../../src/storage/postgres/postgres_storage.ts";
import { PostgresReplayExchange } from "../../src/storage/postgres/replay_exchange.ts";
import { tryStartPostgres } from "../services/postgres.ts";
import { testReplayLog } from "./replay_runner.ts";

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  testReplayLog("postgresStorage(fromPostgresJs()).replay", async () => {
    const database = await server.createDatabase();
    const pools: postgres.Sql[] = [];
    const open = () => {
      const sql = postgres(database.url, { max: 2, onnotice: () => {} });
      pools.push(sql);
      return fromPostgresJs(sql);
    };
    await postgresStorage(open()).migrate();
    return {
      exchange: () =>
        new PostgresReplayExchange(open(), { names: postgresNames(), notifies: true }),
      async [Symbol.asyncDispose]() {
        await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })));
        await database.drop();
      },
    };
  });
}
