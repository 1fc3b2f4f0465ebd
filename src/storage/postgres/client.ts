/** What can be a parameter of a statement: text, which the statement casts, or null. All drivers agree on these. */
export type PostgresParameter = string | null;

/** A row of a result, by the names of its columns. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/**
 * Runs a statement and resolves to its rows.
 *
 * Statements number their parameters (`$1`), cast each where it is used, and give back only `text`,
 * `integer`, `boolean` and `bytea` columns, as drivers differ in what they make of others. A text
 * without parameters may hold several statements.
 */
export type PostgresQuery = (
  text: string,
  parameters?: readonly PostgresParameter[],
) => Promise<readonly PostgresRow[]>;

/** An open transaction of a client. */
export interface PostgresTransactionScope<C> {
  /** The driver's own handle. */
  readonly client: C;
  /** Runs a statement in the transaction. It may be called before the one before has ended. */
  readonly query: PostgresQuery;
}

/**
 * What the storage needs of a Postgres driver. The adapters `fromPg`, `fromPostgresJs`,
 * `fromDenoPostgres` and `fromPglite` make one of the client that an application has; it stays the
 * application's to close.
 *
 * @typeParam C The driver's handle of a transaction.
 */
export interface PostgresClient<C = unknown> {
  /** Runs a statement outside of any transaction. */
  readonly query: PostgresQuery;
  /**
   * Runs `run` in a transaction: `begin`, `run`, `commit`; `rollback` if it throws, and that error is
   * rethrown unchanged. Resolves only if it was committed: it also rejects if `run` has caught the
   * error of a statement, unless it went back to a savepoint. Whether a transaction was committed that
   * rejects as its connection was lost is not known.
   */
  transaction<R>(run: (scope: PostgresTransactionScope<C>) => Promise<R>): Promise<R>;
  /** Runs statements in a transaction that the application has opened through the same driver. */
  join(client: C): PostgresTransactionScope<C>;
  /**
   * Calls `onNotify` for each `NOTIFY` on a channel, and also after the connection was lost and made
   * anew, as one may have been missed; until the result is disposed. Absent where a driver cannot.
   */
  listen?(channel: string, onNotify: () => void): Promise<AsyncDisposable>;
}
