// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { fromPg } from "../../src/storage/postgres/from_pg.ts";
import { postgresNames } from "../../src/storage/postgres/names.ts";
import { postgresStorage } from "../../src/storage/postgres/postgres_storage.ts";
import { PostgresReplayExchange } from "../../src/storage/postgres/replay_exchange.ts";
import { startPostgres } from "../services/postgres.ts";
import { testReplayLog } from "./replay_runner.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

for (const notifies of [true, false]) {
  const name = `postgresStorage(fromPg()).replay ${notifies ? "with" : "without"} NOTIFY`;
  testReplayLog(name, async () => {
    const database = await server.createDatabase();
    const pools: pg.Pool[] = [];
    const open = () => {
      const pool = new pg.Pool({ connectionString: database.url, max: 3 });
      pool.on("error", () => {});
      pools.push(pool);
      return fromPg(pool);
    };
    await postgresStorage(open()).migrate();
    return {
      exchange: () => new PostgresReplayExchange(open(), { names: postgresNames(), notifies }),
      async [Symbol.asyncDispose]() {
        await Promise.all(pools.map((pool) => pool.end()));
        await database.drop();
      },
    };
  });
}
