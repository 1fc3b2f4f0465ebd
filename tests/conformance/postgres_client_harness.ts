import assert from "node:assert/strict";
import type { PostgresClient, PostgresQuery } from "../../src/storage/postgres/client.ts";
import { sqlStateOf } from "../../src/storage/postgres/sql_state.ts";

/** What a driver may lack. */
export type PostgresClientNeed =
  /** Several connections: what is outside of a transaction does not wait for it. */
  | "connections"
  /** A connection that is lost is made anew. */
  | "reconnection"
  /** Notifications. */
  | "notifications";

/** What the cases of a client of Postgres need; made anew for each case. */
export interface PostgresClientHarness<C = unknown> extends AsyncDisposable {
  /** The client to try, on a database that has {@linkcode TABLE}. */
  readonly client: PostgresClient<C>;
  /** Runs a statement outside of the client: on another connection, if there can be one. */
  readonly other: PostgresQuery;
  /** Runs a statement on the driver's own handle of a transaction. */
  run(handle: C, text: string): Promise<unknown>;
  /** Runs `work` in a transaction, by the driver's own means. */
  open(work: (handle: C) => Promise<void>): Promise<void>;
}

/** A case of a client of Postgres. */
export interface PostgresClientCase {
  /** The behaviour in one sentence that begins with the method. */
  readonly name: string;
  /** What the driver must have for it. */
  readonly needs?: readonly PostgresClientNeed[];
  run(harness: PostgresClientHarness): Promise<void>;
}

/** Makes the table, or makes it empty. A name may have a parent, which the commit looks for. */
export const TABLE = `
  drop table if exists entry;
  create table entry (
    name text primary key,
    parent text references entry deferrable initially deferred
  );
`;

/** Puts a name into the table. */
export async function put(query: PostgresQuery, name: string, parent?: string): Promise<void> {
  await query("insert into entry values ($1::text, $2::text)", [name, parent ?? null]);
}

/** The names in the table, as they are after what has been committed. */
export async function names({ other }: PostgresClientHarness): Promise<unknown[]> {
  return (await other("select name from entry order by name")).map(({ name }) => name);
}

/** Runs a statement, and resolves to plain rows. */
export async function rows(
  query: PostgresQuery,
  text: string,
  parameters?: Array<string | null>,
): Promise<unknown[]> {
  return (await query(text, parameters)).map((row) => ({ ...row }));
}

/** Accepts an error that has this code of Postgres. */
export function hasState(state: string): (error: unknown) => true {
  return (error) => {
    assert.equal(sqlStateOf(error), state, `${error}`);
    return true;
  };
}
