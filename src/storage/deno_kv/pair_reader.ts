import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import type { Pair, Ticket } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import { queueEntryOf } from "./queue_entry.ts";

/** A row that was found in the queue. */
export interface FoundRow {
  readonly place: string;
  readonly entry: DenoKvEntry;
}

/** What was found of a partition: what is due now, and its rows in the order of their places. */
export interface Findings {
  readonly tickets: Ticket[];
  readonly rows: FoundRow[];
}

/**
 * Reads a partition from the front to where it ended when the reading began.
 *
 * A page is of one point in time, so in the first one no row of a lane is missing that was committed
 * before another in it. Behind it, what was committed since the reading began is left to the next
 * reading: a row that is before it in its lane may have been committed since as well, at a place that
 * this reading has passed.
 */
export class PairReader {
  readonly #database: KvDatabase;
  readonly #pair: Pair;
  /** A version of the database from before the reading. */
  readonly #version: string;
  #findings: Findings | undefined;
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
  static of(database: KvDatabase, pair: Pair, findings: Findings): PairReader {
    const reader = new PairReader(database, pair, "");
    reader.#findings = findings;
    reader.#isAtEnd = true;
    return reader;
  }

  /** Whether it has nothing more, and would find nothing more. */
  get isExhausted(): boolean {
    return this.#isAtEnd && !this.#hasFindings;
  }

  /**
   * Finds more, if it has nothing.
   *
   * @param isKnown Whether a row at a place is none to be given.
   */
  async fill(isKnown: (place: string) => boolean): Promise<void> {
    while (!this.#hasFindings && !this.#isAtEnd) {
      const isFirst = this.#after === undefined;
      const [tickets, rows] = await Promise.all([
        isFirst ? this.#dueTickets() : [],
        this.#page(this.#after),
      ]);
      this.#isAtEnd = rows.length < LIST_PAGE;
      this.#after = rows.at(-1)?.place ?? this.#after;
      const given = rows.filter(({ place, entry: { versionstamp } }) =>
        (isFirst || versionstamp <= this.#version) && !isKnown(place)
      );
      this.#findings = { tickets, rows: given };
    }
  }

  /** Finds lanes that have become due while it was reading. */
  async renewTickets(): Promise<void> {
    const tickets = await this.#dueTickets();
    this.#findings = { tickets, rows: this.#findings?.rows ?? [] };
  }

  /** Finds a lane that has become due. */
  addTicket(ticket: Ticket): void {
    this.#findings = { tickets: [ticket], rows: [], ...this.#findings };
    if (!this.#findings.tickets.includes(ticket)) this.#findings.tickets.push(ticket);
  }

  /** Takes the tickets that it has. */
  takeTickets(): Ticket[] {
    return this.#findings?.tickets.splice(0) ?? [];
  }

  /** Takes the next row that it has. */
  takeRow(): FoundRow | undefined {
    return this.#findings?.rows.shift();
  }

  get #hasFindings(): boolean {
    const { tickets, rows } = this.#findings ?? { tickets: [], rows: [] };
    return tickets.length > 0 || rows.length > 0;
  }

  async #page(after: string | undefined): Promise<FoundRow[]> {
    const { keys } = this.#database;
    if (after !== undefined && after >= this.#version) return [];
    const start = after === undefined
      ? keys.row(this.#pair, "")
      : keys.row(this.#pair, `${after}\0`);
    const end = after === undefined
      ? keys.ticketsFrom(this.#pair, -Infinity)
      : keys.row(this.#pair, this.#version);
    const rows: FoundRow[] = [];
    for (const entry of await this.#database.list({ start, end }, LIST_PAGE)) {
      const place = entry.key.at(-1);
      if (typeof place === "string") rows.push({ place, entry });
    }
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
