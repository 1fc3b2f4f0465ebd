import { PGlite } from "@electric-sql/pglite";
import { fromPglite } from "../../src/storage/postgres/from_pglite.ts";
import { postgresNames } from "../../src/storage/postgres/names.ts";
import { postgresStorage } from "../../src/storage/postgres/postgres_storage.ts";
import { PostgresReplayExchange } from "../../src/storage/postgres/replay_exchange.ts";
import { testReplayLog } from "./replay_runner.ts";

const db = await PGlite.create();
const client = fromPglite(db);

Deno.test.afterAll(() => db.close());

testReplayLog("postgresStorage(fromPglite()).replay", async () => {
  const schema = `case_${crypto.randomUUID().replaceAll("-", "")}`;
  await postgresStorage(client, { schema }).migrate();
  return {
    exchange: () =>
      new PostgresReplayExchange(client, { names: postgresNames({ schema }), notifies: true }),
    async [Symbol.asyncDispose]() {
      await client.query(`drop schema ${schema} cascade`);
    },
  };
}, { hasTimers: true });
