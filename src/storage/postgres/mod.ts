/**
 * A storage on Postgres, through whichever driver the application has.
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
export type { PgClient, PgNotification, PgResult, PgStatement } from "./pg_connection.ts";
export type {
  PostgresJsPending,
  PostgresJsQueryable,
  PostgresJsSettings,
  PostgresJsSql,
  PostgresJsTransform,
} from "./postgres_js_sql.ts";
export {
  type PostgresStorage,
  postgresStorage,
  type PostgresStorageOptions,
} from "./postgres_storage.ts";
