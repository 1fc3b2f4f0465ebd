import { Client, Pool, type QueryObjectResult, type Transaction } from "@db/postgres";
import type { PostgresClient } from "../../src/storage/postgres/client.ts";
import { fromDenoPostgres } from "../../src/storage/postgres/from_deno_postgres.ts";
import { TABLE } from "../conformance/postgres_client_harness.ts";
import { surviveRestarts } from "../conformance/postgres_client_restarts.ts";
import { testPostgresClient } from "../conformance/postgres_client_runner.ts";
import { startPostgres, tryStartPostgres } from "../services/postgres.ts";
import { compiled, type Equals, expectType } from "../types/equals.ts";

const server = await tryStartPostgres();

// As its users are told to: else each statement with parameters takes 40 ms.
const { connect } = Deno;
Deno.connect = (async (options: Deno.ConnectOptions) => {
  const connection = await connect(options);
  connection.setNoDelay();
  return connection;
}) as typeof connect;

async function inTransaction(
  client: Pick<Client, "createTransaction">,
  work: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  const transaction = client.createTransaction("test");
  await transaction.begin();
  try {
    await work(transaction);
    await transaction.commit();
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

function run(transaction: Transaction, text: string): Promise<QueryObjectResult<unknown>> {
  return transaction.queryObject(text);
}

/** Closes what can be closed: the driver gives up at each connection that the server has closed. */
async function endPool(pool: Pool): Promise<void> {
  for (let i = 0; i <= pool.size; i++) {
    if (await pool.end().then(() => true, () => false)) return;
  }
}

Deno.test("fromDenoPostgres() gives the driver's own handles", () => {
  compiled(() => {
    const ofPool = fromDenoPostgres({} as Pool);
    expectType<Equals<typeof ofPool, PostgresClient<Transaction>>>();
    const ofClient = fromDenoPostgres({} as Client);
    expectType<Equals<typeof ofClient, PostgresClient<Transaction>>>();
  });
});

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  const { url } = await server.createDatabase();

  /** Another connection, on which the table is made. */
  const openAdmin = async () => {
    const admin = new Client(url);
    await admin.connect();
    await admin.queryArray(TABLE);
    const other = async (text: string, parameters: ReadonlyArray<string | null> = []) =>
      (await admin.queryObject<Record<string, unknown>>(text, [...parameters])).rows;
    return { admin, other };
  };

  testPostgresClient("fromDenoPostgres(Pool)", {
    lacks: ["notifications"],
    leaks: "after a loss",
    async harness() {
      const { admin, other } = await openAdmin();
      const pool = new Pool(url, 8, true);
      return {
        client: fromDenoPostgres(pool),
        other,
        run,
        async open(work) {
          using client = await pool.connect();
          await inTransaction(client, work);
        },
        async [Symbol.asyncDispose]() {
          await endPool(pool);
          await admin.end();
        },
      };
    },
  });

  testPostgresClient("fromDenoPostgres(Client)", {
    lacks: ["notifications", "connections", "reconnection"],
    async harness() {
      const { admin, other } = await openAdmin();
      const client = new Client(url);
      await client.connect();
      return {
        client: fromDenoPostgres(client),
        other,
        run,
        open: (work) => inTransaction(client, work),
        async [Symbol.asyncDispose]() {
          await Promise.all([client.end(), admin.end()]);
        },
      };
    },
  });

  Deno.test({
    name: "fromDenoPostgres(Pool) gets over restarts of the server",
    sanitizeOps: false,
    sanitizeResources: false, // the driver cannot close a connection that was lost
    async fn() {
      await using server = await startPostgres({ isOwn: true });
      const pool = new Pool(server.url, 4, true);
      await surviveRestarts(fromDenoPostgres(pool), server);
      await endPool(pool);
    },
  });
}
