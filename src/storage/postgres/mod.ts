/**
 * A storage on Postgres, through whichever driver the application has: messages are stored in the
 * transactions in which it writes its own data, and relays publish them from there.
 *
 * Messages of one topic and key are published in their order, each at least once. Any number of
 * processes may store and publish at the same time. Nothing is kept on a connection between two
 * statements, so that all of it works behind a transaction-mode pooler, save for `notify`.
 *
 * @example A storage on a pool of `pg`
 * ```ts ignore
 * import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
 * import { Pool } from "pg";
 *
 * const pool = new Pool({ connectionString: "postgres://localhost/app" });
 * pool.on("error", (error) => console.error("A connection broke", error));
 * const storage = postgresStorage(fromPg(pool));
 * await storage.migrate();
 *
 * await storage.transaction(async (tx) => {
 *   await tx.client.query("insert into members (name) values ($1)", ["Ada"]); // the driver's own
 *   await storage.outbox.append(tx, [Joined({ name: "Ada" })]);
 * });
 * ```
 *
 * @example The tables, for whoever changes schemas by other means
 * ```ts
 * import { migrationSql } from "@sluice/cqrs/postgres";
 * import assert from "node:assert/strict";
 *
 * assert.match(migrationSql({ prefix: "app_" }), /create table if not exists "app_outbox" \(/);
 * ```
 *
 * @module
 */

export type {
  PostgresClient,
  PostgresParameter,
  PostgresQuery,
  PostgresRow,
  PostgresTransactionScope,
} from "./client.ts";
export type {
  DenoPostgresClient,
  DenoPostgresPool,
  DenoPostgresPoolClient,
  DenoPostgresQueryable,
  DenoPostgresTransaction,
} from "./deno_postgres_pool.ts";
export { type DenoPostgresHandle, fromDenoPostgres } from "./from_deno_postgres.ts";
export {
  fromPg,
  type PgHandle,
  type PgOptions,
  type PgPool,
  type PgPoolClient,
} from "./from_pg.ts";
export {
  fromPglite,
  type PgliteDatabase,
  type PgliteHandle,
  type PgliteQueryable,
  type PgliteResult,
} from "./from_pglite.ts";
export {
  fromPostgresJs,
  type PostgresJsHandle,
  type PostgresJsOptions,
} from "./from_postgres_js.ts";
export type { PostgresLogAccess, PostgresLogSession } from "./log_access.ts";
export { migrationSql } from "./migrate.ts";
export type { PostgresNamesOptions } from "./names.ts";
export type { PostgresTransaction } from "./open_transaction.ts";
export type { PgClient, PgNotification, PgResult, PgStatement } from "./pg_connection.ts";
export type {
  PostgresJsPending,
  PostgresJsQueryable,
  PostgresJsSettings,
  PostgresJsSql,
  PostgresJsTransform,
} from "./postgres_js_sql.ts";
export type { PostgresSagaOptions } from "./postgres_sagas.ts";
export {
  type PostgresStorage,
  postgresStorage,
  type PostgresStorageOptions,
} from "./postgres_storage.ts";
export type { SharedReplayLogOptions } from "../mod.ts";
