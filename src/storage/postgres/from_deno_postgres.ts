import { concurrencyLimit } from "../../resilience/mod.ts";
import type {
  PostgresClient,
  PostgresQuery,
  PostgresRow,
  PostgresTransactionScope,
} from "./client.ts";
import {
  type DenoPostgresClient,
  type DenoPostgresPool,
  type DenoPostgresQueryable,
  type Use,
  useOfPool,
} from "./deno_postgres_pool.ts";
import { sqlStateOf } from "./sql_state.ts";
import { runTransaction, type TransactionSteps } from "./transaction_scope.ts";

/** The handle of a transaction of deno-postgres: `Transaction`. */
export type DenoPostgresHandle<P> = P extends { createTransaction(...parameters: never[]): infer T }
  ? T
  : P extends { connect(): Promise<{ createTransaction(...parameters: never[]): infer T }> } ? T
  : never;

/**
 * Makes a client of a `Pool` of deno-postgres (`@db/postgres`), or of a single `Client`.
 *
 * What users of deno-postgres have to know, of version 0.19.5:
 *
 * - Over TCP each statement with parameters takes some 40 ms, as it is written in pieces with Nagle's
 *   algorithm on. Until the driver switches that off, let `Deno.connect` do so: call `setNoDelay()` on
 *   what it resolves to.
 * - It cannot listen: a notification breaks the connection. So a relay learns of messages by asking.
 * - A connection that the server closed while it was idle lets the next statement fail, and is lost.
 *   A `Pool` gets over that here, also when the server was away; it should be a lazy one, with `true`
 *   as its third argument. A `Client` does not: an application has to make a new one.
 * - A statement that failed ends the transaction, also if its error was caught, and also after a
 *   savepoint.
 * - A `Client` has one connection, so transactions and other statements wait for each other. Within a
 *   transaction, a statement outside of it would wait forever.
 */
export function fromDenoPostgres<P extends DenoPostgresPool | DenoPostgresClient>(
  pool: P,
): PostgresClient<DenoPostgresHandle<P>>;
export function fromDenoPostgres(
  pool: DenoPostgresPool | DenoPostgresClient,
): PostgresClient<DenoPostgresQueryable> {
  const use = "createTransaction" in pool ? useOfClient(pool) : useOfPool(pool);
  return {
    query: (text, parameters) =>
      use(async (client, onBroken) => {
        try {
          return await queryOf(client)(text, parameters);
        } catch (error) {
          // What Postgres answers comes over a connection that works.
          if (sqlStateOf(error) === undefined) onBroken();
          throw error;
        }
      }),
    transaction: (run) => transaction(use, run),
    join: (client) => ({ client, query: queryOf(client) }),
  };
}

/** It connects again by itself, where it can. */
function useOfClient(client: DenoPostgresClient): Use {
  const turns = concurrencyLimit(1);
  return (work) => turns.run(() => work(client, () => {}));
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

/** How often a transaction is begun at most, on one connection after the other. */
const MAX_BEGINS = 100;

async function transaction<R>(
  use: Use,
  run: (scope: PostgresTransactionScope<DenoPostgresQueryable>) => Promise<R>,
): Promise<R> {
  for (let attempt = 1;; attempt++) {
    const seen = { isBegun: false, isBroken: false };
    try {
      return await use((client, onBroken) => {
        const onBreak = () => {
          seen.isBroken = true;
          onBroken();
        };
        return runTransaction(steps(client, onBreak), (scope) => {
          seen.isBegun = true;
          return run(scope);
        });
      });
    } catch (error) {
      // Nothing has been done yet, and each connection may have been closed while it was idle.
      if (seen.isBegun || !seen.isBroken || attempt === MAX_BEGINS) throw error;
    }
  }
}

/** Runs one statement at a time: one that waited in the driver could come after the end of its transaction. */
function queryOf(queryable: DenoPostgresQueryable, turns = concurrencyLimit(1)): PostgresQuery {
  return async (text, parameters = []) => {
    const { rows } = await turns.run(() => queryable.queryObject(text, [...parameters]));
    return rows as readonly PostgresRow[];
  };
}
