import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import type { Pair, Ticket } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import { queueEntryOf } from "./queue_entry.ts";

/** What was found of a partition: what is due now, and its rows in the order of their places. */
export interface Findings {
  readonly tickets: Ticket[];
  readonly rows: readonly DenoKvEntry[];
}

/** The place of a row, which is the end of its key. */
export function placeIn({ key }: Pick<DenoKvEntry, "key">): string {
  return String(key.at(-1));
}

/**
 * Reads a partition from the front to where it ended when the reading began.
 *
 * A page is of one point in time, so in the first one no row is missing that has to come before
 * another in it. Behind it, places that begin with a version from before the reading are safe as well:
 * what has to come before them was committed by then. What has later places is left to the next
 * reading, as a row that has to come before it may have been committed since at a place that this
 * reading has passed.
 */
export class PairReader {
  readonly #database: KvDatabase;
  readonly #pair: Pair;
  /** A version of the database from before the reading. */
  readonly #version: string;
  #tickets: Ticket[] = [];
  #rows: readonly DenoKvEntry[] = [];
  /** How many of the rows were taken. */
  #taken = 0;
  /** The last place that was listed. */
  #after: string | undefined;
  #isAtEnd = false;

  /** A reader that begins at the front; `version` is one that was read before. */
  constructor(database: KvDatabase, pair: Pair, version: string) {
    this.#database = database;
    this.#pair = pair;
    this.#version = version;
  }

  /** A reader of a partition of which all was found already, at one point in time. */
  static of(database: KvDatabase, pair: Pair, { tickets, rows }: Findings): PairReader {
    const reader = new PairReader(database, pair, "");
    reader.#tickets = tickets;
    reader.#rows = rows;
    reader.#isAtEnd = true;
    return reader;
  }

  /** Whether it has nothing more, and would find nothing more. */
  get isExhausted(): boolean {
    return this.#isAtEnd && !this.#hasSomething;
  }

  /**
   * Finds more, if it has nothing.
   *
   * @param isKnown Whether a row at a place is none to be given.
   */
  async fill(isKnown: (place: string) => boolean): Promise<void> {
    while (!this.#hasSomething && !this.#isAtEnd) {
      const after = this.#after;
      const rows = after === undefined ? await this.#front() : await this.#page(after);
      const last = rows.at(-1);
      if (last !== undefined) this.#after = placeIn(last);
      this.#taken = 0;
      this.#rows = rows.filter((row) => !isKnown(placeIn(row)));
    }
  }

  /** Finds lanes that have become due while it was reading. */
  async renewTickets(): Promise<void> {
    this.#tickets = await this.#dueTickets();
  }

  /** Finds a lane that has become due. */
  addTicket(ticket: Ticket): void {
    this.#tickets.push(ticket);
  }

  /** Takes the tickets that it has. */
  takeTickets(): Ticket[] {
    return this.#tickets.splice(0);
  }

  /** Takes the next row that it has. */
  takeRow(): DenoKvEntry | undefined {
    return this.#rows[this.#taken++];
  }

  get #hasSomething(): boolean {
    return this.#tickets.length > 0 || this.#taken < this.#rows.length;
  }

  /** The first rows. If that is not all, what is due comes behind them, and has to be found. */
  async #front(): Promise<DenoKvEntry[]> {
    const { keys, clock } = this.#database;
    const entries = await this.#database.list({ prefix: keys.partition(this.#pair) }, LIST_PAGE);
    this.#isAtEnd = entries.length < LIST_PAGE;
    const nowMs = clock.now();
    const rows: DenoKvEntry[] = [];
    for (const entry of entries) {
      const found = queueEntryOf(keys, entry);
      if (found?.type === "row") rows.push(entry);
      else if (found !== undefined && found.ticket.dueMs <= nowMs) this.#tickets.push(found.ticket);
    }
    if (!this.#isAtEnd) this.#tickets = await this.#dueTickets();
    return rows;
  }

  async #page(after: string): Promise<DenoKvEntry[]> {
    const { keys } = this.#database;
    const start = keys.row(this.#pair, `${after}\0`);
    const end = keys.row(this.#pair, this.#version);
    const rows = after < this.#version ? await this.#database.list({ start, end }, LIST_PAGE) : [];
    this.#isAtEnd = rows.length < LIST_PAGE;
    return rows;
  }

  async #dueTickets(): Promise<Ticket[]> {
    const { keys, clock } = this.#database;
    const nowMs = clock.now();
    const start = keys.ticketsFrom(this.#pair, -Infinity);
    const end = keys.ticketsFrom(this.#pair, nowMs + 1);
    const tickets: Ticket[] = [];
    for (const entry of await this.#database.list({ start, end }, LIST_PAGE)) {
      const found = queueEntryOf(keys, entry);
      if (found?.type === "ticket" && found.ticket.dueMs <= nowMs) tickets.push(found.ticket);
    }
    return tickets;
  }
}
