import type { OutboxOutcome, OutboxRow } from "../mod.ts";
import type { PostgresLogSession } from "../postgres/mod.ts";
import type { LogFeed } from "./log_feed.ts";
import type { LogMessages } from "./log_messages.ts";
import { TableRows } from "./table_rows.ts";

/** What {@linkcode LogHold} works on. */
export interface LogHoldOptions {
  /** The name of the session. */
  readonly owner: string;
  /** The session of the tables. */
  readonly session: PostgresLogSession;
  readonly feed: LogFeed;
  readonly messages: LogMessages;
  /** How long the tables are left alone while nothing tells of them, in milliseconds. */
  readonly pollMs: number;
  readonly now: () => number;
}

/** What a session has that has the slot: messages of the log, and rows of the tables. */
export class LogHold {
  readonly owner: string;
  readonly session: PostgresLogSession;
  readonly feed: LogFeed;
  readonly #messages: LogMessages;
  readonly #rows: TableRows;
  readonly #pollMs: number;
  readonly #now: () => number;
  #isTableDue = true;
  #polledAtMs = -Infinity;
  /** Whether the last rows were of the tables. */
  #gaveRows = false;

  constructor({ owner, session, feed, messages, pollMs, now }: LogHoldOptions) {
    this.owner = owner;
    this.session = session;
    this.feed = feed;
    this.#messages = messages;
    this.#rows = new TableRows(session, feed);
    this.#pollMs = pollMs;
    this.#now = now;
  }

  /** Whether the tables are to be looked at. */
  get isTableDue(): boolean {
    return this.#isTableDue || this.#now() - this.#polledAtMs >= this.#pollMs;
  }

  /** {@inheritDoc TableRows.unseen} */
  get unseenRows(): TableRows["unseen"] {
    return this.#rows.unseen;
  }

  /** There may be something in the tables. */
  makeTableDue(): void {
    this.#isTableDue = true;
  }

  /** Reads what is there, of the tables and of the log in turn if both have something. */
  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    const isLogFirst = this.#gaveRows;
    this.#gaveRows = false;
    if (isLogFirst) {
      const rows = await this.#messages.take(maxRows);
      if (rows.length > 0) return rows;
    }
    if (this.isTableDue) {
      const rows = await this.#readTable(maxRows);
      if (rows.length > 0) return rows;
    }
    return await this.#messages.take(maxRows);
  }

  /** Writes down what became of rows. */
  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    const messages: OutboxOutcome[] = [];
    const rows: OutboxOutcome[] = [];
    for (const outcome of outcomes) {
      (this.#messages.has(outcome.row.position) ? messages : rows).push(outcome);
    }
    if (rows.length > 0) await this.#rows.settle(rows);
    if (messages.length > 0 && await this.#messages.settle(messages)) this.makeTableDue();
  }

  async #readTable(maxRows: number): Promise<readonly OutboxRow[]> {
    this.#isTableDue = false;
    try {
      const rows = await this.#rows.read(maxRows);
      this.#gaveRows = rows.length > 0;
      if (!this.#gaveRows) this.#polledAtMs = this.#now();
      // Once everything was seen, the log tells of what comes.
      else if (this.session.isPassing || this.session.seen === undefined) this.#isTableDue = true;
      return rows;
    } catch (error) {
      this.#isTableDue = true;
      throw error;
    }
  }
}
