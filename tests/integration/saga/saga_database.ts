/**
 * Databases that hold sagas of several processes.
 *
 * @module
 */

import { type Clock, systemClock } from "@sluice/cqrs";
import type { Storage } from "@sluice/cqrs/storage";
import type { PostgresServer } from "../../services/postgres.ts";

/** A storage, and what closes its connections. */
export interface OpenStorage extends AsyncDisposable {
  readonly storage: Storage;
}

/** How {@linkcode openStorage} opens one. */
export interface OpenOptions {
  readonly driver?: "pg" | "postgres.js" | undefined;
  /** Whether what is written of several sagas shares a commit, on Postgres. @default {"when busy"} */
  readonly groupCheckpoints?: boolean | "when busy" | undefined;
  /** For KV: Postgres has its own. */
  readonly clock?: Clock | undefined;
}

/** Opens a storage in this process: on a Postgres by its address, or on a KV by its path. */
export function openStorage(address: string, options: OpenOptions = {}): Promise<OpenStorage> {
  if (!address.startsWith("postgres:")) return openKv(address, options);
  return options.driver === "postgres.js"
    ? openPostgresJs(address, options)
    : openPg(address, options);
}

// What a process does not need is not imported: it starts twice as fast.

async function openKv(path: string, { clock }: OpenOptions): Promise<OpenStorage> {
  const { denoKvStorage } = await import("@sluice/cqrs/deno-kv");
  const kv = await Deno.openKv(path);
  const storage = denoKvStorage(kv, clock && { clock });
  return { storage, [Symbol.asyncDispose]: () => Promise.resolve(kv.close()) };
}

async function openPostgresJs(
  address: string,
  { groupCheckpoints }: OpenOptions,
): Promise<OpenStorage> {
  const { fromPostgresJs, postgresStorage } = await import("@sluice/cqrs/postgres");
  const { default: postgres } = await import("postgres");
  const sql = postgres(address, {
    max: 8,
    onnotice: () => {},
    backoff: () => 0.1, // its own waits up to 20 s when several connections have failed
  });
  const storage = postgresStorage(fromPostgresJs(sql), { sagas: { groupCheckpoints } });
  return { storage, [Symbol.asyncDispose]: () => sql.end() };
}

async function openPg(
  address: string,
  { groupCheckpoints }: OpenOptions,
): Promise<OpenStorage> {
  const { fromPg, postgresStorage } = await import("@sluice/cqrs/postgres");
  // @ts-types="npm:@types/pg@^8"
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString: address, max: 8 });
  pool.on("error", () => {}); // its server may be restarted by the test
  const storage = postgresStorage(fromPg(pool), { sagas: { groupCheckpoints } });
  return { storage, [Symbol.asyncDispose]: () => pool.end() };
}

/** A database for one test. */
export interface SagaDatabase extends OpenStorage {
  readonly address: string;
  /** Lets all leases end. Resolves to a storage that sees that. */
  expire(): Promise<OpenStorage>;
  /** Everything that is stored of sagas and messages. */
  contents(): Promise<unknown[]>;
}

/** Makes an empty one on a Postgres. */
export async function postgresDatabase(server: PostgresServer): Promise<SagaDatabase> {
  const database = await server.createDatabase();
  const { storage, [Symbol.asyncDispose]: close } = await openStorage(database.url);
  await storage.migrate();
  const { default: postgres } = await import("postgres");
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  return {
    address: database.url,
    storage,
    async expire() {
      await sql`update sluice_saga set until = current_timestamp - interval '1 ms',
        due_at = current_timestamp - interval '1 ms' where owner is not null`;
      return openStorage(database.url);
    },
    async contents() {
      const tables = ["saga", "saga_log", "saga_signal", "outbox"];
      const all: unknown[] = [];
      for (const table of tables) {
        all.push(
          await sql.unsafe(`select t.*, t.xmin, t.ctid from sluice_${table} t order by t::text`),
        );
      }
      return all;
    },
    async [Symbol.asyncDispose]() {
      await sql.end();
      await close();
      await database.drop();
    },
  };
}

const HOUR_LATER = { ...systemClock, now: () => Date.now() + 3_600_000 };

/** Makes an empty one in a file. */
export async function kvDatabase(): Promise<SagaDatabase> {
  const folder = await Deno.makeTempDir();
  const address = `${folder}/test.kv`;
  const { storage, [Symbol.asyncDispose]: close } = await openStorage(address);
  await storage.migrate();
  const kv = await Deno.openKv(address);
  return {
    address,
    storage,
    expire: () => openStorage(address, { clock: HOUR_LATER }),
    contents: () => Array.fromAsync(kv.list({ prefix: [] })),
    async [Symbol.asyncDispose]() {
      kv.close();
      await close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
