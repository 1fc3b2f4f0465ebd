import { SchemaVersionError } from "../mod.ts";
import type { PostgresClient, PostgresQuery } from "./client.ts";
import { migrations, type PostgresMigration } from "./migrations.ts";
import { type PostgresNames, postgresNames, type PostgresNamesOptions } from "./names.ts";

/**
 * Prepares a database, as far as that has not been done.
 *
 * @throws {SchemaVersionError} If it was prepared by a newer version that this one does not understand.
 */
export async function migrate(
  client: PostgresClient,
  names: PostgresNames,
  steps: readonly PostgresMigration[] = migrations,
): Promise<void> {
  // Most starts find everything done, and need no lock to see that.
  if (missingOf(await appliedIn(client.query, names), steps).length === 0) return;
  await client.transaction(async ({ query }) => {
    // Whatever the default is: after the lock, statements have to see what its holder has done.
    await query("set transaction isolation level read committed");
    await query(lockSql(names));
    const { quotedSchema, schema } = names;
    if (quotedSchema !== undefined && !await hasSchema(query, schema)) {
      await query(`create schema ${quotedSchema}`);
    }
    await query(historySql(names));
    for (const step of missingOf(await appliedIn(query, names), steps)) {
      for (const statement of step.sql(names)) await query(statement);
      await query(recordSql(names, step));
    }
  });
}

/**
 * Prints what {@linkcode Storage.migrate} of a storage on Postgres runs, for whoever has the schemas
 * of databases changed by other means: as one transaction for `psql`, which can be run again, and
 * also records the versions.
 *
 * @throws {TypeError} If the schema or the prefix cannot stand in names.
 *
 * @example The tables of the outbox
 * ```ts
 * import { migrationSql } from "@sluice/cqrs/postgres";
 * import assert from "node:assert/strict";
 *
 * const sql = migrationSql({ schema: "messages", prefix: "" });
 * assert.match(sql, /^begin;\n/);
 * assert.match(sql, /create table if not exists "messages"."outbox" \(/);
 * ```
 */
export function migrationSql(options: PostgresNamesOptions = {}): string {
  const names = postgresNames(options);
  const { quotedSchema } = names;
  const statements = [
    "begin",
    "set transaction isolation level read committed",
    lockSql(names),
    ...(quotedSchema === undefined ? [] : [`create schema if not exists ${quotedSchema}`]),
    historySql(names),
    ...migrations.flatMap((step) => [...step.sql(names), recordSql(names, step)]),
    "commit",
  ];
  return statements.map((statement) => `${statement};\n`).join("");
}

/** The versions that a database has, each with whether it is breaking. */
type Applied = ReadonlyMap<number, boolean>;

function missingOf(
  applied: Applied,
  steps: readonly PostgresMigration[],
): readonly PostgresMigration[] {
  const supported = Math.max(0, ...steps.map(({ version }) => version));
  const newer = [...applied].filter(([version, isBreaking]) => isBreaking && version > supported);
  const found = Math.max(...newer.map(([version]) => version));
  if (newer.length > 0) throw new SchemaVersionError(found, supported);
  return steps.filter(({ version }) => !applied.has(version));
}

async function appliedIn(query: PostgresQuery, names: PostgresNames): Promise<Applied> {
  const history = names.table("migration");
  const [table] = await query("select to_regclass($1::text) is not null as found", [history]);
  if (table?.found !== true) return new Map();
  const rows = await query(`select version, is_breaking as breaking from ${history}`);
  return new Map(rows.map((row) => [Number(row.version), row.breaking === true]));
}

/** Behind a pooler a lock may not outlive its transaction. */
function lockSql(names: PostgresNames): string {
  const key = names.table("migration").replaceAll("'", "''");
  return `select pg_advisory_xact_lock(hashtextextended('${key}', 0))`;
}

/** `create schema if not exists` would demand the right to create schemas also where it exists. */
async function hasSchema(query: PostgresQuery, schema: string | undefined): Promise<boolean> {
  const text = "select exists (select from pg_namespace where nspname = $1::text) as found";
  const [row] = await query(text, [schema ?? null]);
  return row?.found === true;
}

function historySql({ table }: PostgresNames): string {
  return `create table if not exists ${table("migration")} (
  version integer primary key,
  is_breaking boolean not null,
  applied_at timestamptz not null default clock_timestamp()
)`;
}

function recordSql({ table }: PostgresNames, { version, isBreaking }: PostgresMigration): string {
  return `insert into ${table("migration")} (version, is_breaking)
values (${version}, ${isBreaking}) on conflict (version) do nothing`;
}
