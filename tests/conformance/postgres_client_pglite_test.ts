import { PGlite } from "@electric-sql/pglite";
import { fromPglite } from "../../src/storage/postgres/from_pglite.ts";
import { TABLE } from "./postgres_client_harness.ts";
import { testPostgresClient } from "./postgres_client_runner.ts";

const db = await PGlite.create();

Deno.test.afterAll(() => db.close());

testPostgresClient("fromPglite()", {
  lacks: ["connections", "reconnection"],
  leaks: "always", // PGlite sets alarms for itself
  async harness() {
    await db.exec(TABLE);
    const client = fromPglite(db);
    return {
      client,
      other: client.query,
      run: (transaction, text) => transaction.query(text),
      open: (work) => db.transaction(work),
      async [Symbol.asyncDispose]() {},
    };
  },
});
