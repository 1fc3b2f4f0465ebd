import type { PostgresClient, PostgresParameter, PostgresQuery, PostgresRow } from "./client.ts";
import { openScope } from "./transaction_scope.ts";
import { sqlStateOf } from "./sql_state.ts";

/** What {@linkcode fromPglite} needs of whatever runs statements: a `PGlite`, or a transaction of one. */
export interface PgliteQueryable {
  /** Runs a statement; `paramTypes` says as what the parameters are meant. */
  query(
    text: string,
    parameters?: PostgresParameter[],
    options?: { paramTypes?: number[] },
  ): Promise<PgliteResult>;
  /** Runs statements that have no parameters. */
  exec(text: string): Promise<PgliteResult[]>;
}

/** What PGlite resolves to. */
export interface PgliteResult {
  /** The rows. */
  readonly rows: unknown[];
}

/** What {@linkcode fromPglite} needs of a `PGlite`, or of what stands for one that runs in a worker. */
export interface PgliteDatabase extends PgliteQueryable {
  /** Runs `run` in a transaction. */
  transaction<R>(run: (transaction: PgliteQueryable) => Promise<R>): Promise<R>;
  /** Listens to a channel. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<unknown>;
  /** Listens no more. */
  unlisten(channel: string, onNotify?: (payload: string) => void): Promise<void>;
}

/** The handle of a transaction of PGlite: `Transaction`. */
export type PgliteHandle<D> = D extends
  { transaction(run: (transaction: infer T) => never): unknown } ? T : never;

/** The number of the type `text`. */
const TEXT = 25;

/**
 * Makes a client of a `PGlite`: Postgres inside of the process, for development and tests.
 *
 * What users of PGlite have to know: it has one connection, so transactions and other statements wait
 * for each other, and within a transaction a statement outside of it would wait forever.
 */
export function fromPglite<D extends PgliteDatabase>(db: D): PostgresClient<PgliteHandle<D>>;
export function fromPglite(db: PgliteDatabase): PostgresClient<PgliteQueryable> {
  return {
    query: queryOf(db),
    async transaction(run) {
      const failures: unknown[] = [];
      try {
        return await db.transaction(async (transaction) => {
          const { scope, end, aborted } = openScope(transaction, queryOf(transaction));
          try {
            const result = await run(scope);
            if (await isAborted(transaction)) throw aborted();
            return result;
          } catch (error) {
            failures.push(error);
            throw error;
          } finally {
            end();
          }
        });
      } catch (error) {
        throw failures.length > 0 ? failures[0] : error;
      }
    },
    join: (client) => ({ client, query: queryOf(client) }),
    async listen(channel, onNotify) {
      const name = `"${channel}"`; // else it would be put into lower case
      const listener = () => onNotify();
      await db.listen(name, listener);
      return { [Symbol.asyncDispose]: () => db.unlisten(name, listener) };
    },
  };
}

function queryOf(queryable: PgliteQueryable): PostgresQuery {
  return async (text, parameters = []) => {
    const result = parameters.length === 0
      ? (await queryable.exec(text)).at(-1)
      // Else it would want a boolean where a boolean is expected.
      : await queryable.query(text, [...parameters], { paramTypes: parameters.map(() => TEXT) });
    return (result?.rows ?? []) as readonly PostgresRow[];
  };
}

/** Whether a statement has failed, so that COMMIT would be answered with a rollback, which PGlite does not show. */
async function isAborted(transaction: PgliteQueryable): Promise<boolean> {
  try {
    await transaction.exec("select");
    return false;
  } catch (error) {
    if (sqlStateOf(error) === "25P02") return true;
    throw error;
  }
}
