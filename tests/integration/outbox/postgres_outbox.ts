/**
 * An outbox on a real Postgres, and what the tests do to it from outside.
 *
 * @module
 */

import { fromPg, type PostgresStorage, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import type { PostgresServer } from "../../services/postgres.ts";
import { Noted } from "./messages.ts";

/** An outbox in a database of its own. */
export interface PostgresOutbox extends AsyncDisposable {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly storage: PostgresStorage<pg.PoolClient>;
  /** Stores so many messages of each key, each in a transaction of its own, the keys in turn. */
  fill(keys: readonly string[], count: number): Promise<void>;
  /** Lets the leases of all relays end. */
  expireLeases(): Promise<void>;
  /** Lets the waits of all keys end. */
  endWaits(): Promise<void>;
}

/** Makes a database with an empty outbox. */
export async function postgresOutbox(server: PostgresServer): Promise<PostgresOutbox> {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 });
  pool.on("error", () => {}); // a test may restart the server
  const storage = postgresStorage(fromPg(pool));
  await storage.migrate();
  const numbers = new Map<string, number>();
  return {
    url: database.url,
    pool,
    storage,
    async fill(keys, count) {
      for (let i = 0; i < count; i++) {
        for (const key of keys) {
          const n = numbers.get(key) ?? 0;
          numbers.set(key, n + 1);
          await storage.outbox.store([Noted({ key, n })]);
        }
      }
    },
    async expireLeases() {
      await pool.query(
        "update sluice_outbox_relay set until = clock_timestamp() - interval '1 ms'",
      );
    },
    async endWaits() {
      await pool.query(
        "update sluice_outbox_lane set retry_at = clock_timestamp() where retry_at is not null",
      );
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}
