import type { Envelope, Notification } from "../../message/mod.ts";
import {
  type DeadLetters,
  type OutboxOptions,
  type OutboxSessionOptions,
  type OutboxStatistics,
  type OutboxStatisticsOptions,
  type OutboxStore,
  OutboxWriter,
  type PurgeOptions,
} from "../mod.ts";
import { appendStatement } from "./append_statement.ts";
import type { PostgresQuery } from "./client.ts";
import { attributesOf } from "./envelope_columns.ts";
import type { PostgresLogAccess } from "./log_access.ts";
import { logStatement } from "./log_append.ts";
import type { PostgresNames } from "./names.ts";
import { OpenTransaction, type PostgresTransaction } from "./open_transaction.ts";
import { outboxStatistics } from "./outbox_statistics.ts";
import { PostgresDeadLetters } from "./postgres_dead_letters.ts";
import { PostgresSession } from "./postgres_session.ts";
import { purgePublished } from "./purge.ts";
import { type SessionStatements, sessionStatements } from "./session_statements.ts";
import { type SettleStatements, settleStatements } from "./settle_statements.ts";
import { storable } from "./statement.ts";
import { freshQuery, tableQuery, tryingQuery } from "./storage_query.ts";
import type { WakeUps } from "./wake_ups.ts";

/** What the outbox of a storage on Postgres works with. */
export interface PostgresOutboxParts {
  /** Runs statements outside of transactions. */
  readonly query: PostgresQuery;
  readonly names: PostgresNames;
  readonly wakeUps: WakeUps;
  /** Where messages are put. */
  readonly appendTo: "table" | "log";
}

/** The outbox of a storage on Postgres. */
export class PostgresOutbox implements OutboxStore<PostgresTransaction> {
  readonly deadLetters: DeadLetters;
  readonly #query: PostgresQuery;
  /** For statements that are seldom sent: their tables may have grown since. */
  readonly #freshQuery: PostgresQuery;
  readonly #names: PostgresNames;
  readonly #wakeUps: WakeUps;
  readonly #appendTo: "table" | "log";
  readonly #writer: OutboxWriter;
  readonly #statements: SessionStatements & SettleStatements;

  /** @throws {TypeError} If two notifications have the same name on the same topic. */
  constructor({ query, names, wakeUps, appendTo }: PostgresOutboxParts, options: OutboxOptions) {
    const { keepPublished = false } = options;
    this.#query = tryingQuery(query);
    this.#freshQuery = freshQuery(this.#query);
    this.#names = names;
    this.#wakeUps = wakeUps;
    this.#appendTo = appendTo;
    this.#writer = new OutboxWriter(options);
    this.#statements = {
      ...sessionStatements(names),
      ...settleStatements(names, { keepPublished }),
    };
    this.deadLetters = new PostgresDeadLetters({ query: this.#freshQuery, names, wakeUps });
  }

  async append(
    tx: PostgresTransaction,
    messages: ReadonlyArray<Notification | Envelope>,
  ): Promise<void> {
    if (!(tx instanceof OpenTransaction)) {
      throw new TypeError("Cannot append as this is no transaction of a storage on Postgres");
    }
    tx.checkOpen("append");
    const envelopes = await this.#writer.envelopes(messages);
    tx.checkOpen("append"); // whoever does not wait for append() may have ended it meanwhile
    if (envelopes.length === 0) return;
    tx.hasMessages = true;
    await this.#insert(tableQuery(tx.query), envelopes);
  }

  async store(messages: ReadonlyArray<Notification | Envelope>): Promise<void> {
    const envelopes = await this.#writer.envelopes(messages);
    if (envelopes.length === 0) return;
    await this.#insert(this.#query, envelopes);
    this.#wakeUps.wake();
  }

  wake(): Promise<void> {
    return this.#wakeUps.wakeAll();
  }

  subscribe(onWake: () => void): Promise<AsyncDisposable> {
    return this.#wakeUps.subscribe(onWake);
  }

  /** What a source that reads the log of the database works with. */
  get log(): PostgresLogAccess {
    const { schema, channel: prefix, table, tableName } = this.#names;
    return {
      query: this.#query,
      prefix,
      schema,
      tableName: tableName("outbox"),
      table,
      storable,
      attributesOf: (envelope) => JSON.stringify(attributesOf(envelope)),
      open: (options) => this.open(options),
    };
  }

  open(options: OutboxSessionOptions): PostgresSession {
    const parts = {
      query: this.#query,
      statements: this.#statements,
      wakeUps: this.#wakeUps,
    };
    return new PostgresSession(parts, options);
  }

  statistics(options: OutboxStatisticsOptions = {}): Promise<OutboxStatistics> {
    return outboxStatistics(this.#freshQuery, this.#names, options);
  }

  purge(options: PurgeOptions): Promise<number> {
    return purgePublished(this.#freshQuery, this.#names, options);
  }

  async #insert(query: PostgresQuery, envelopes: readonly Envelope[]): Promise<void> {
    const { text, parameters } = this.#appendTo === "log"
      ? logStatement(this.#names.channel, envelopes)
      : appendStatement(this.#names, envelopes);
    await query(text, parameters);
  }
}
