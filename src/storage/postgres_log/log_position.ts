import { laterOf, type Lsn } from "./lsn.ts";

/** A transaction of the log. */
export interface LogTransaction {
  /** Where its commit stands. */
  readonly lsn: Lsn;
  /** What the positions of its messages begin with. */
  readonly name: string;
  /** The lower 32 bits of its number. */
  readonly xid: number;
  readonly committedAt: Date;
  /** Where it ends; `undefined` while more of it may come. */
  endLsn: Lsn | undefined;
  /** How many of its messages have come. */
  messages: number;
  /** Whether it has stored rows. */
  hasRows: boolean;
  /** How much of it is not done: each message, and its rows together. */
  open: number;
  /** The positions of its messages that are done. */
  readonly settled: string[];
}

/** Finds out up to where all is done: so far, and no further, the log need not be kept. */
export class LogPosition {
  /** From the first one that is not done on. */
  readonly #transactions: LogTransaction[] = [];
  #done: Lsn;
  #reached: Lsn;

  /** All before `confirmed` is done. */
  constructor(confirmed: Lsn) {
    this.#done = this.#reached = confirmed;
  }

  /** Up to where the log has been read. */
  get reached(): Lsn {
    return this.#reached;
  }

  /** Up to where all is done. */
  get done(): Lsn {
    let first = this.#transactions[0];
    while (first?.endLsn !== undefined && first.open === 0) {
      this.#done = first.endLsn;
      this.#transactions.shift();
      first = this.#transactions[0];
    }
    if (first === undefined) this.#done = this.#reached;
    return this.#done;
  }

  /** The positions of messages that are done, though something in front of them, or at their side, is not. */
  get settled(): string[] {
    return this.#transactions.flatMap(({ settled }) => settled);
  }

  begin(transaction: LogTransaction): void {
    this.#transactions.push(transaction);
  }

  end(transaction: LogTransaction, endLsn: Lsn): void {
    transaction.endLsn = endLsn;
    this.reach(endLsn);
    // Most transactions of a database have nothing to do with messages.
    if (transaction.open === 0 && this.#transactions.length === 1) this.#transactions.pop();
  }

  /** The log has been read up to a place. */
  reach(lsn: Lsn): void {
    this.#reached = laterOf(lsn, this.#reached);
  }
}
