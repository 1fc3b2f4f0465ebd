import {
  base64,
  type BuriedMessage,
  encodeEnvelopes,
  type InboxClaim,
  type InboxClaimOptions,
  type InboxDeadLetters,
  type InboxStart,
  type InboxStatistics,
  type InboxStore,
  leaseMsOf,
  maxCountOf,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
} from "../mod.ts";
import { bytesOf } from "./body_columns.ts";
import type { PostgresQuery } from "./client.ts";
import { type InboxStatements, inboxStatements } from "./inbox_statements.ts";
import type { PostgresNames } from "./names.ts";
import type { PostgresTransaction } from "./open_transaction.ts";
import { PostgresInboxDeadLetters } from "./postgres_inbox_dead_letters.ts";
import { MAX_AGE_MS } from "./purge.ts";
import { arrayLiteral, storable } from "./statement.ts";
import { freshQuery, tryingQuery } from "./storage_query.ts";
import { queryOf } from "./transaction_query.ts";

/** How often a claim is tried while others come and go. */
const MAX_CLAIMS = 10;
/** Up to this length an id stands in an index as it is, whatever its characters. */
const MAX_PLAIN_LENGTH = 250;
/** The longest lease that leaves the database a time that it knows: about 30 years. */
const MAX_LEASE_MS = 1e12;

/** The inbox of a storage on Postgres. */
export class PostgresInbox implements InboxStore<PostgresTransaction> {
  readonly deadLetters: InboxDeadLetters<PostgresTransaction>;
  readonly #query: PostgresQuery;
  readonly #freshQuery: PostgresQuery;
  readonly #statements: InboxStatements;

  constructor(query: PostgresQuery, names: PostgresNames) {
    this.#query = tryingQuery(query);
    this.#freshQuery = freshQuery(this.#query);
    this.#statements = inboxStatements(names);
    this.deadLetters = new PostgresInboxDeadLetters(this.#freshQuery, this.#statements);
  }

  async begin(consumer: string, messageIds: readonly string[]): Promise<readonly InboxStart[]> {
    if (messageIds.length === 0) return [];
    const rows = await this.#query(this.#statements.begin, named(consumer, messageIds));
    const starts: InboxStart[] = [];
    for (const { n, is_handled: isHandled, starts: count } of rows) {
      starts[Number(n) - 1] = { isHandled: isHandled === true, starts: Number(count) };
    }
    return starts;
  }

  async beginAgain(consumer: string, messageId: string): Promise<void> {
    await this.#query(this.#statements.beginAgain, [storable(consumer), storable(messageId)]);
  }

  async release(consumer: string, messageIds: readonly string[]): Promise<void> {
    if (messageIds.length === 0) return;
    await this.#query(this.#statements.release, named(consumer, messageIds));
  }

  async record(
    tx: PostgresTransaction,
    consumer: string,
    messageIds: readonly string[],
  ): Promise<readonly boolean[]> {
    const query = queryOf(tx, "record");
    const [id, ...others] = messageIds;
    if (id === undefined) return [];
    if (others.length === 0 && id.length <= MAX_PLAIN_LENGTH) {
      const parameters = [storable(consumer), storable(id)];
      return [(await query(this.#statements.recordOne, parameters)).length > 0];
    }
    const rows = await query(this.#statements.record, named(consumer, messageIds));
    const isNew: boolean[] = [];
    for (const row of rows) isNew[Number(row.n) - 1] = row.is_new === true;
    return isNew;
  }

  async bury(
    tx: PostgresTransaction,
    { consumer, envelope, attempts, error }: BuriedMessage,
  ): Promise<void> {
    await queryOf(tx, "bury")(this.#statements.bury, [
      storable(consumer),
      storable(envelope.id),
      String(attempts),
      storable(error),
      base64(encodeEnvelopes([envelope])),
    ]);
  }

  async claim(scope: string, key: string, options: InboxClaimOptions): Promise<InboxClaim> {
    const leaseMs = Math.min(leaseMsOf(options), MAX_LEASE_MS);
    const { fingerprint, owner } = options;
    const texts = [scope, key, fingerprint, owner].map(storable);
    for (let attempt = 1;; attempt++) {
      const [row] = await this.#query(this.#statements.claim, [...texts, String(leaseMs)]);
      switch (row?.state) {
        case "claimed":
        case "mismatch":
          return { state: row.state };
        case "running":
          return { state: "running", leftMs: Number(row.left_ms) };
        case "done":
          return { state: "done", answer: bytesOf(String(row.answer)) };
      }
      // Somebody has made it just now, so that this statement has seen neither.
      if (attempt === MAX_CLAIMS) return { state: "running", leftMs: leaseMs };
    }
  }

  async complete(
    tx: PostgresTransaction | undefined,
    scope: string,
    key: string,
    { owner, answer }: { readonly owner: string; readonly answer: Uint8Array },
  ): Promise<boolean> {
    const query = tx === undefined ? this.#query : queryOf(tx, "complete");
    const texts = [scope, key, owner].map(storable);
    const rows = await query(this.#statements.complete, [...texts, base64(answer)]);
    return rows.length > 0;
  }

  async abandon(scope: string, key: string, owner: string): Promise<void> {
    await this.#query(this.#statements.abandon, [scope, key, owner].map(storable));
  }

  async purge(options: PurgeOptions): Promise<number> {
    const ageMs = Math.min(purgeAgeMsOf(options), MAX_AGE_MS);
    const limit = purgeLimitOf(options);
    const parameters = [String(ageMs), String(limit)];
    const [row] = await this.#freshQuery(this.#statements.purge, parameters);
    return Number(row?.count);
  }

  async statistics(options: { readonly maxCount?: number } = {}): Promise<InboxStatistics> {
    const maxCount = Math.min(maxCountOf(options), Number.MAX_SAFE_INTEGER);
    const [row] = await this.#freshQuery(this.#statements.statistics, [String(maxCount)]);
    const died = row?.died;
    return {
      deadLetters: Number(row?.count),
      oldestDeadLetterAt: typeof died === "string" ? new Date(Number(died)) : undefined,
    };
  }
}

function named(consumer: string, messageIds: readonly string[]): readonly string[] {
  return [storable(consumer), arrayLiteral(messageIds.map(storable))];
}
