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
export { fromDenoPostgres } from "./from_deno_postgres.ts";
export { fromPg } from "./from_pg.ts";
export { fromPglite } from "./from_pglite.ts";
export { fromPostgresJs } from "./from_postgres_js.ts";
export type { PostgresLogAccess, PostgresLogSession } from "./log_access.ts";
export {
  type PostgresStorage,
  postgresStorage,
  type PostgresStorageOptions,
} from "./postgres_storage.ts";
