import type { OutboxOutcome, OutboxRow } from "../mod.ts";
import type { PostgresLogSession } from "../postgres/mod.ts";
import type { LogFeed } from "./log_feed.ts";
import type { LogTransaction } from "./log_position.ts";
import { parseSnapshot, sees } from "./snapshot.ts";

/** Transactions whose rows were seen, and how many rows were given by then. */
interface SeenRows {
  readonly transactions: readonly LogTransaction[];
  readonly given: number;
}

/**
 * The rows of the tables that a session gives. The log tells that there are some; what they are is
 * read from the table, so that whoever else reads it sees the same, in whatever order things happen.
 * The log goes on when the rows that it told of were seen, and those that were given are settled.
 */
export class TableRows {
  readonly #session: PostgresLogSession;
  readonly #feed: LogFeed;
  /** Transactions whose rows were not seen so far. */
  #unseen: LogTransaction[] = [];
  /** How many of them a look everywhere has not found. */
  #late = 0;
  #seen: SeenRows[] = [];
  #snapshot: string | undefined;
  /** The rows that are not settled, each with how many were given before it. */
  readonly #inFlight: Map<string, number> = new Map();
  #given = 0;

  constructor(session: PostgresLogSession, feed: LogFeed) {
    this.#session = session;
    this.#feed = feed;
  }

  /**
   * Which rows of those that the log has told of were not seen: none; some for which nobody has looked
   * everywhere; or some that were not there though somebody has.
   */
  get unseen(): "none" | "some" | "late" {
    if (this.#unseen.length === 0) return "none";
    return this.#late > 0 ? "late" : "some";
  }

  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    this.#unseen.push(...this.#feed.takeRows());
    const rows = await this.#session.read(maxRows);
    for (const { position } of rows) this.#inFlight.set(position, this.#given++);
    this.#look();
    return rows;
  }

  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    await this.#session.settle(outcomes);
    for (const { row } of outcomes) this.#inFlight.delete(row.position);
    this.#finish();
  }

  #look(): void {
    const { seen } = this.#session;
    if (seen === undefined || seen === this.#snapshot) return;
    this.#snapshot = seen;
    this.#late = 0;
    if (this.#unseen.length === 0) return;
    const snapshot = parseSnapshot(seen);
    const isSeen = ({ xid }: LogTransaction) => sees(snapshot, xid);
    this.#seen.push({ transactions: this.#unseen.filter(isSeen), given: this.#given });
    this.#unseen = this.#unseen.filter((transaction) => !isSeen(transaction));
    this.#late = this.#unseen.length;
    this.#finish();
  }

  #finish(): void {
    const [first = Infinity] = this.#inFlight.values();
    while (this.#seen[0] !== undefined && this.#seen[0].given <= first) {
      this.#seen.shift()?.transactions.forEach((transaction) => this.#feed.settleRows(transaction));
    }
  }
}
