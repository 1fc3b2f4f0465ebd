// @ts-types="npm:@types/pg@^8"
import { Client, Pool, type PoolConfig } from "pg";
import type { PostgresQuery } from "../../src/storage/postgres/client.ts";
import { fromPg, type PgOptions } from "../../src/storage/postgres/from_pg.ts";
import { startPostgres, tryStartPostgres } from "../services/postgres.ts";
import { TABLE } from "./postgres_client_harness.ts";
import { surviveRestarts } from "./postgres_client_restarts.ts";
import { testPostgresClient } from "./postgres_client_runner.ts";

const server = await tryStartPostgres();

/** What is not an error here: the cases close connections. */
function ignore(): void {}

/** Another connection, on which the table is made. */
async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  await client.query("set client_min_messages to warning");
  await client.query(TABLE);
  return client;
}

function queryOn(client: Client): PostgresQuery {
  return async (text, parameters = []) => (await client.query(text, [...parameters])).rows;
}

async function inTransaction<C extends Client>(client: C, work: (client: C) => Promise<void>) {
  await client.query("begin");
  try {
    await work(client);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  const { url } = await server.createDatabase();

  const poolHarness = (config: PoolConfig, options: PgOptions) => async () => {
    const admin = await connect(url);
    const pool = new Pool({ connectionString: url, ...config });
    pool.on("error", ignore);
    return {
      client: fromPg(pool, options),
      other: queryOn(admin),
      run: (client: Client, text: string) => client.query(text),
      async open(work: (client: Client) => Promise<void>) {
        const client = await pool.connect();
        try {
          await inTransaction(client, work);
        } finally {
          client.release();
        }
      },
      async [Symbol.asyncDispose]() {
        await Promise.all([pool.end(), admin.end()]);
      },
    };
  };

  testPostgresClient("fromPg(Pool)", { lacks: [], harness: poolHarness({}, {}) });
  testPostgresClient("fromPg(Pool, prepare)", {
    lacks: [],
    harness: poolHarness({}, { prepare: true }),
  });
  testPostgresClient("fromPg(Pool with pipeline, prepare)", {
    lacks: [],
    harness: poolHarness({ pipeline: true }, { prepare: true }),
  });
  testPostgresClient("fromPg(Client)", {
    lacks: ["connections", "reconnection"],
    async harness() {
      const admin = await connect(url);
      const client = new Client(url);
      await client.connect();
      return {
        client: fromPg(client),
        other: queryOn(admin),
        run: (client: Client, text: string) => client.query(text),
        open: (work) => inTransaction(client, work),
        async [Symbol.asyncDispose]() {
          await Promise.all([client.end(), admin.end()]);
        },
      };
    },
  });

  Deno.test("fromPg(Pool) gets over restarts of the server", async () => {
    await using server = await startPostgres({ isOwn: true });
    const pool = new Pool({ connectionString: server.url, max: 4 });
    pool.on("error", ignore);
    await surviveRestarts(fromPg(pool), server);
    await pool.end();
  });
}
