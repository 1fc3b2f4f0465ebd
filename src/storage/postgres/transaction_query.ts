import type { PostgresQuery } from "./client.ts";
import { OpenTransaction, type PostgresTransaction } from "./open_transaction.ts";
import { tableQuery } from "./storage_query.ts";

/**
 * How statements are run in a transaction.
 *
 * @throws {TypeError} If it is none of a storage on Postgres, or has ended.
 */
export function queryOf(tx: PostgresTransaction, action: string): PostgresQuery {
  if (!(tx instanceof OpenTransaction)) {
    throw new TypeError(`Cannot ${action} as this is no transaction of a storage on Postgres`);
  }
  tx.checkOpen(action);
  return tableQuery(tx.query);
}
