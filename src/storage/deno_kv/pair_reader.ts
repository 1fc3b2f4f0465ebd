import { type Bundle, bundleOf } from "./bundle.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import type { Ticket } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import { queueEntryOf } from "./queue_entry.ts";
import type { HeldPair, SessionState } from "./session_state.ts";

/** What was found of a partition: what is due now, and its bundles in the order of their places. */
export interface Findings {
  readonly tickets: readonly Ticket[];
  readonly entries: readonly DenoKvEntry[];
}

/** A row of the queue; one without bytes is a bundle that makes no sense. */
export interface QueuedRow {
  readonly place: string;
  readonly row: Uint8Array | undefined;
  readonly bundle: Bundle;
}

/** The place of a row or a bundle, which is the end of its key. */
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
  readonly #state: SessionState;
  readonly #held: HeldPair;
  /** A version of the database from before the reading. */
  readonly #version: string;
  #tickets: Ticket[] = [];
  #rows: readonly QueuedRow[] = [];
  /** How many of the rows were taken. */
  #taken = 0;
  /** The last place that was listed. */
  #after: string | undefined;
  #isAtEnd = false;

  /** A reader that begins at the front. */
  constructor(state: SessionState, held: HeldPair) {
    this.#state = state;
    this.#held = held;
    this.#version = state.version;
  }

  /** A reader of a partition of which all was found already, at one point in time. */
  static of(state: SessionState, held: HeldPair, { tickets, entries }: Findings): PairReader {
    const reader = new PairReader(state, held);
    reader.#tickets = [...tickets];
    reader.#rows = reader.#rowsOf(entries);
    reader.#isAtEnd = true;
    return reader;
  }

  /** Whether it has nothing more, and would find nothing more. */
  get isExhausted(): boolean {
    return this.#isAtEnd && !this.#hasSomething;
  }

  /** Finds more, if it has nothing. */
  async fill(): Promise<void> {
    while (!this.#hasSomething && !this.#isAtEnd) {
      const after = this.#after;
      const entries = after === undefined ? await this.#front() : await this.#page(after);
      const last = entries.at(-1);
      if (last !== undefined) this.#after = placeIn(last);
      this.#taken = 0;
      this.#rows = this.#rowsOf(entries);
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
  takeRow(): QueuedRow | undefined {
    return this.#rows[this.#taken++];
  }

  get #hasSomething(): boolean {
    return this.#tickets.length > 0 || this.#taken < this.#rows.length;
  }

  /** The rows that may be given of bundles that were listed just now. */
  #rowsOf(entries: readonly DenoKvEntry[]): QueuedRow[] {
    const { flights } = this.#state;
    const found: QueuedRow[] = [];
    for (const entry of entries) {
      const known = this.#held.bundles.get(placeIn(entry));
      const bundle = known ?? bundleOf(entry);
      const rows = bundle.rows.filter(({ place }) => !flights.isKnown(place));
      if (known === undefined) bundle.rows = rows; // others were settled meanwhile
      for (const { place, row } of rows) found.push({ place, row, bundle });
      if (bundle.nonsense !== undefined) {
        found.push({ place: bundle.place, row: undefined, bundle });
      }
    }
    return found;
  }

  /** The first bundles. If that is not all, what is due comes behind them, and has to be found. */
  async #front(): Promise<DenoKvEntry[]> {
    const { keys, clock } = this.#state.database;
    const prefix = keys.partition(this.#held.pair);
    const all = await this.#state.database.list({ prefix }, LIST_PAGE);
    this.#isAtEnd = all.length < LIST_PAGE;
    const nowMs = clock.now();
    const entries: DenoKvEntry[] = [];
    for (const entry of all) {
      const found = queueEntryOf(keys, entry);
      if (found?.type === "row") entries.push(entry);
      else if (found !== undefined && found.ticket.dueMs <= nowMs) this.#tickets.push(found.ticket);
    }
    if (!this.#isAtEnd) this.#tickets = await this.#dueTickets();
    return entries;
  }

  async #page(after: string): Promise<DenoKvEntry[]> {
    const { database } = this.#state;
    const start = database.keys.row(this.#held.pair, `${after}\0`);
    const end = database.keys.row(this.#held.pair, this.#version);
    const entries = after < this.#version ? await database.list({ start, end }, LIST_PAGE) : [];
    this.#isAtEnd = entries.length < LIST_PAGE;
    return entries;
  }

  async #dueTickets(): Promise<Ticket[]> {
    const { keys, clock } = this.#state.database;
    const nowMs = clock.now();
    const start = keys.ticketsFrom(this.#held.pair, -Infinity);
    const end = keys.ticketsFrom(this.#held.pair, nowMs + 1);
    const tickets: Ticket[] = [];
    for (const entry of await this.#state.database.list({ start, end }, LIST_PAGE)) {
      const found = queueEntryOf(keys, entry);
      if (found?.type === "ticket" && found.ticket.dueMs <= nowMs) tickets.push(found.ticket);
    }
    return tickets;
  }
}
