import type { PostgresParameter, PostgresRow } from "./client.ts";

/** What `fromPostgresJs` needs of whatever runs statements: `sql`, also that of a transaction. */
export interface PostgresJsQueryable {
  /** Runs a text with parameters. */
  unsafe(text: string, parameters?: unknown[], options?: { prepare?: boolean }): PostgresJsPending;
  /** Says the type of a parameter, by its number. */
  typed(value: string | null, type: number): unknown;
}

/** A statement that runs. */
export interface PostgresJsPending extends PromiseLike<readonly PostgresRow[]> {
  /** The connection that it was sent on; null if it was not. */
  readonly state?: unknown;
}

/** What `fromPostgresJs` needs of `sql`. */
export interface PostgresJsSql extends PostgresJsQueryable {
  /** How the driver was configured. */
  readonly options: PostgresJsSettings;
  /** Runs `run` in a transaction. */
  begin(run: (sql: PostgresJsQueryable) => Promise<unknown>): Promise<unknown>;
  /** Listens to a channel, and calls `onListen` each time that it begins to. */
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onListen?: () => void,
  ): Promise<{ unlisten(): Promise<void> }>;
}

/** How postgres.js was configured, as far as `fromPostgresJs` has to know. */
export interface PostgresJsSettings {
  /** How many connections it opens. */
  readonly max: number;
  /** How it changes what comes from the database. */
  readonly transform: PostgresJsTransform;
}

/** How postgres.js changes what comes from the database. */
export interface PostgresJsTransform {
  /** The names of columns. */
  readonly column: { readonly from?: ((name: string) => string) | undefined };
}

/** The number of the type `text`. */
const TEXT = 25;

/** Starts a statement. */
export function start(
  sql: PostgresJsQueryable,
  text: string,
  parameters: readonly PostgresParameter[] = [],
): PostgresJsPending {
  // Only without parameters can a text hold several statements.
  if (parameters.length === 0) return sql.unsafe(text);
  // Else the driver would make something of them that depends on what the database expects.
  const texts = parameters.map((parameter) => sql.typed(parameter, TEXT));
  return sql.unsafe(text, texts, { prepare: true });
}

/** The rows of the last statement, under the names that its columns have in the statement. */
export function rowsOf(
  result: readonly PostgresRow[],
  { transform }: PostgresJsSettings,
): readonly PostgresRow[] {
  const last = result.at(-1);
  const rows: readonly PostgresRow[] = Array.isArray(last) ? last : result;
  const { from } = transform.column;
  return from === undefined || from === null ? rows : rows.map((row) =>
    new Proxy(row, {
      get: (target, name) => Reflect.get(target, typeof name === "string" ? from(name) : name),
    })
  );
}
