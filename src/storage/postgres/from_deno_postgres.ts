import { concurrencyLimit } from "../../resilience/mod.ts";
import type { PostgresClient, PostgresParameter, PostgresQuery, PostgresRow } from "./client.ts";
import { runTransaction, type TransactionSteps } from "./transaction_scope.ts";

/** What {@linkcode fromDenoPostgres} needs of whatever runs statements: a client, or one of its transactions. */
export interface DenoPostgresQueryable {
  /** Runs a statement. */
  queryObject(
    text: string,
    parameters?: PostgresParameter[],
  ): Promise<{ readonly rows: unknown[] }>;
}

/** What {@linkcode fromDenoPostgres} needs of a transaction. */
export interface DenoPostgresTransaction extends DenoPostgresQueryable {
  /** Begins it. */
  begin(): Promise<void>;
  /** Commits it. */
  commit(): Promise<void>;
  /** Rolls it back. */
  rollback(): Promise<void>;
}

/** What {@linkcode fromDenoPostgres} needs of a `Client`. */
export interface DenoPostgresClient extends DenoPostgresQueryable {
  /** What it does now. */
  readonly session: {
    /** The name of the transaction that is open. */
    readonly "current_transaction": string | null;
  };
  /** Makes a transaction, which is still to begin. */
  createTransaction(name: string): DenoPostgresTransaction;
  /** Closes the connection. */
  end(): Promise<void>;
}

/** What {@linkcode fromDenoPostgres} needs of a connection that was taken out of a `Pool`. */
export interface DenoPostgresPoolClient extends DenoPostgresClient {
  /** Puts it back. */
  release(): void;
}

/** What {@linkcode fromDenoPostgres} needs of a `Pool`. */
export interface DenoPostgresPool {
  /** Takes a connection out of the pool. */
  connect(): Promise<DenoPostgresPoolClient>;
}

/** The handle of a transaction of deno-postgres: `Transaction`. */
export type DenoPostgresHandle<P> = P extends { createTransaction(...parameters: never[]): infer T }
  ? T
  : P extends { connect(): Promise<{ createTransaction(...parameters: never[]): infer T }> } ? T
  : never;

/**
 * Makes a client of a `Pool` of deno-postgres (`@db/postgres`), or of a single `Client`.
 *
 * What users of deno-postgres have to know:
 *
 * - Over TCP each statement with parameters takes some 40 ms, as version 0.19.5 writes it in pieces
 *   and leaves Nagle's algorithm on. Until it does not, let `Deno.connect` switch that off:
 *   call `setNoDelay()` on what it resolves to.
 * - It cannot listen: a notification breaks the connection. So nothing wakes up a relay but its own
 *   interval.
 * - A statement that failed ends the transaction, also if its error was caught, and also within a
 *   savepoint.
 * - The first statement on a connection that the server has closed meanwhile fails.
 * - A `Client` has one connection, so transactions and other statements wait for each other. Within a
 *   transaction, a statement outside of it would wait forever.
 */
export function fromDenoPostgres<P extends DenoPostgresPool | DenoPostgresClient>(
  pool: P,
): PostgresClient<DenoPostgresHandle<P>>;
export function fromDenoPostgres(
  pool: DenoPostgresPool | DenoPostgresClient,
): PostgresClient<DenoPostgresQueryable> {
  const use = "createTransaction" in pool ? oneClient(pool) : anyClient(pool);
  return {
    query: (text, parameters) => use((client) => queryOf(client)(text, parameters)),
    transaction: (run) => use((client, onBroken) => runTransaction(steps(client, onBroken), run)),
    join: (client) => ({ client, query: queryOf(client) }),
  };
}

/** Does something with a connection, which `onBroken` says not to use any more. */
type Use = <R>(
  work: (client: DenoPostgresClient, onBroken: () => void) => Promise<R>,
) => Promise<R>;

function oneClient(client: DenoPostgresClient): Use {
  const turns = concurrencyLimit(1);
  // It makes its connection anew by itself.
  return (work) => turns.run(() => work(client, () => {}));
}

function anyClient(pool: DenoPostgresPool): Use {
  return async (work) => {
    const client = await pool.connect();
    let isBroken = false;
    try {
      return await work(client, () => {
        isBroken = true;
      });
    } finally {
      if (isBroken) await client.end().catch(() => {}); // the pool connects it again
      client.release();
    }
  };
}

const NAME = "sluice";

function steps(
  client: DenoPostgresClient,
  onBroken: () => void,
): TransactionSteps<DenoPostgresQueryable> {
  const transaction = client.createTransaction(NAME);
  const turns = concurrencyLimit(1);
  // As soon as a statement has failed, the driver ends the transaction.
  const isOpen = () => client.session.current_transaction === NAME;
  return {
    client: transaction,
    query: queryOf(transaction, turns),
    begin: () => transaction.begin(),
    commit: () =>
      turns.run(async () => {
        if (!isOpen()) return false;
        await transaction.commit();
        return true;
      }),
    rollback: () =>
      turns.run(async () => {
        if (isOpen()) await transaction.rollback();
      }),
    onBroken,
  };
}

/** Runs one statement at a time: one that waited in the driver could come after the end of its transaction. */
function queryOf(queryable: DenoPostgresQueryable, turns = concurrencyLimit(1)): PostgresQuery {
  return async (text, parameters = []) => {
    const { rows } = await turns.run(() => queryable.queryObject(text, [...parameters]));
    return rows as readonly PostgresRow[];
  };
}
