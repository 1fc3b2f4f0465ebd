import type { PostgresClient } from "../../src/storage/postgres/client.ts";
import type { PostgresTransaction } from "../../src/storage/postgres/open_transaction.ts";
import {
  type PostgresStorage,
  postgresStorage,
  type PostgresStorageOptions,
} from "../../src/storage/postgres/postgres_storage.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";

/** The times that the tables of a storage hold. */
const TIMES: ReadonlyArray<readonly [table: string, ...columns: string[]]> = [
  ["outbox", "stored_at"],
  ["outbox_relay", "until"],
  ["outbox_lane", "retry_at"],
  ["outbox_waiting", "stored_at"],
  ["outbox_dead", "stored_at", "died_at"],
  ["outbox_published", "stored_at", "published_at"],
  ["inbox", "touched_at"],
  ["inbox_key", "until", "touched_at"],
  ["inbox_dead", "died_at"],
  ["saga", "until", "resume_at", "not_before", "due_at", "created_at", "updated_at"],
  ["saga_log", "at"],
  ["saga_signal", "at"],
];

/** A harness whose storages are on Postgres. */
export interface PostgresHarness<C> extends StorageHarness<PostgresTransaction<C>> {
  readonly storage: PostgresStorage<C>;
  open(options?: PostgresStorageOptions): PostgresStorage<C>;
}

/** A storage in a schema of its own. Time passes by moving the times in its tables into the past. */
export async function postgresHarness<C>(
  client: PostgresClient<C>,
  { isConcurrent, appendTo, sagas }: {
    readonly isConcurrent: boolean;
    readonly appendTo?: PostgresStorageOptions["appendTo"];
    readonly sagas?: PostgresStorageOptions["sagas"];
  },
): Promise<PostgresHarness<C>> {
  const schema = `case_${crypto.randomUUID().replaceAll("-", "")}`;
  const storage = postgresStorage(client, { schema, appendTo, sagas });
  await storage.migrate();
  await client.query(`create table ${schema}.data (name text primary key, value text not null)`);
  return {
    storage,
    isConcurrent,
    open: (options) => postgresStorage(client, { sagas, ...options, schema, appendTo }),
    async advance(durationMs) {
      for (const [table, ...columns] of TIMES) {
        const moved = columns.map((column) =>
          `${column} = ${column} - $1::text::double precision * interval '1 millisecond'`
        );
        const text = `update ${schema}.sluice_${table} set ${moved.join(", ")}`;
        await client.query(text, [String(durationMs)]);
      }
    },
    async put(tx, name, value) {
      const text = `insert into ${schema}.data values ($1::text, $2::text)
on conflict (name) do update set value = excluded.value`;
      await tx.query(text, [name, value]);
    },
    async get(name) {
      const text = `select value from ${schema}.data where name = $1::text`;
      const [row] = await client.query(text, [name]);
      return row?.value as string | undefined;
    },
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await client.query(`drop schema ${schema} cascade`);
    },
  };
}
