import postgres from "postgres";
import { fromPostgresJs } from "../../src/storage/postgres/from_postgres_js.ts";
import { startPostgres, tryStartPostgres } from "../services/postgres.ts";
import { TABLE } from "./postgres_client_harness.ts";
import { surviveRestarts } from "./postgres_client_restarts.ts";
import { testPostgresClient } from "./postgres_client_runner.ts";

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  const { url } = await server.createDatabase();

  const harness = (options: postgres.Options<Record<string, never>>) => async () => {
    const onnotice = () => {};
    const admin = postgres(url, { max: 1, onnotice });
    await admin.unsafe(TABLE);
    const sql = postgres(url, { onnotice, ...options });
    return {
      client: fromPostgresJs(sql),
      other: async (text: string, parameters: ReadonlyArray<string | null> = []) =>
        await admin.unsafe(text, [...parameters]),
      run: (tx: postgres.TransactionSql, text: string) => tx.unsafe(text),
      async open(work: (tx: postgres.TransactionSql) => Promise<void>) {
        await sql.begin(work);
      },
      async [Symbol.asyncDispose]() {
        // Without a timeout, the driver may wait for a statement whose connection was lost.
        await Promise.all([sql.end({ timeout: 1 }), admin.end()]);
      },
    };
  };

  testPostgresClient("fromPostgresJs()", { lacks: [], harness: harness({}) });
  testPostgresClient("fromPostgresJs(without prepare)", {
    lacks: [],
    harness: harness({ prepare: false }),
  });
  testPostgresClient("fromPostgresJs(with one connection, renaming)", {
    lacks: ["connections"],
    harness: harness({ max: 1, transform: postgres.camel }),
  });

  Deno.test("fromPostgresJs() gets over restarts of the server", async () => {
    await using server = await startPostgres({ isOwn: true });
    // So long a connection hangs that was lost at a bad moment, and again some times.
    const sql = postgres(server.url, {
      max: 4,
      "connect_timeout": 1,
      backoff: () => 0.05,
      onnotice: () => {},
    });
    await surviveRestarts(fromPostgresJs(sql), server);
    await sql.end({ timeout: 1 });
  });
}
