import {
  decodeEnvelopes,
  type InboxDeadLetter,
  type InboxDeadLetterFilter,
  type InboxDeadLetters,
  listLimitOf,
} from "../mod.ts";
import { bytesOf } from "./body_columns.ts";
import type { PostgresQuery, PostgresRow } from "./client.ts";
import type { InboxStatements } from "./inbox_statements.ts";
import type { PostgresTransaction } from "./open_transaction.ts";
import { arrayLiteral, storable } from "./statement.ts";
import { queryOf } from "./transaction_query.ts";

/** The messages that consumers have given up, in a storage on Postgres. */
export class PostgresInboxDeadLetters implements InboxDeadLetters<PostgresTransaction> {
  readonly #query: PostgresQuery;
  readonly #statements: InboxStatements;

  constructor(query: PostgresQuery, statements: InboxStatements) {
    this.#query = query;
    this.#statements = statements;
  }

  async list(filter: InboxDeadLetterFilter = {}): Promise<readonly InboxDeadLetter[]> {
    const limit = listLimitOf(filter);
    const { consumer, after = "0" } = filter;
    const rows = await this.#query(this.#statements.list, [
      consumer === undefined ? null : storable(consumer),
      after,
      String(limit),
    ]);
    return rows.flatMap((row) => letterOf(row) ?? []);
  }

  async discard(consumer: string, messageIds: readonly string[]): Promise<number> {
    if (messageIds.length === 0) return 0;
    const ids = arrayLiteral(messageIds.map(storable));
    const [row] = await this.#query(this.#statements.discard, [storable(consumer), ids]);
    return Number(row?.count);
  }

  async take(
    tx: PostgresTransaction,
    consumer: string,
    messageId: string,
  ): Promise<InboxDeadLetter | undefined> {
    const parameters = [storable(consumer), storable(messageId)];
    const [row] = await queryOf(tx, "take")(this.#statements.take, parameters);
    return row && letterOf(row);
  }
}

function letterOf(row: PostgresRow): InboxDeadLetter | undefined {
  const [envelope] = decodeEnvelopes(bytesOf(String(row.envelope)));
  if (envelope === undefined) return undefined;
  return {
    envelope,
    consumer: String(row.consumer),
    position: String(row.position),
    attempts: Number(row.attempts),
    error: String(row.error),
    diedAt: new Date(Number(row.died)),
  };
}
