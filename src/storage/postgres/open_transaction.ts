import type { StorageTransaction } from "../mod.ts";
import type { PostgresQuery, PostgresTransactionScope } from "./client.ts";

/**
 * A transaction of a storage on Postgres.
 *
 * @typeParam C The driver's handle.
 */
export interface PostgresTransaction<C = unknown> extends StorageTransaction<C> {
  /** Runs a statement in the transaction, whichever the driver. */
  readonly query: PostgresQuery;
}

/** A transaction from its beginning to its end. */
export class OpenTransaction<C> implements PostgresTransaction<C> {
  readonly client: C;
  readonly query: PostgresQuery;
  /** Whether messages were appended in it. */
  hasMessages = false;
  #isOver = false;

  constructor({ client, query }: PostgresTransactionScope<C>) {
    this.client = client;
    this.query = async (text, parameters) => {
      this.checkOpen("run a statement");
      return await query(text, parameters);
    };
  }

  /** Throws unless it is open: its connection may be somebody else's by now. */
  checkOpen(action: string): void {
    if (this.#isOver) throw new TypeError(`Cannot ${action} as the transaction has ended`);
  }

  end(): void {
    this.#isOver = true;
  }
}
