import type { Holding } from "./holdings.ts";

/** Where a session was in each of its partitions, at the end of a pass. */
interface Cut {
  readonly cursors: Map<Holding, string>;
  /** The number of a transaction of the session that began after the pass. */
  bound: bigint | undefined;
}

/** What {@linkcode LowWater.end} has to know about a pass. */
export interface PassEnd {
  readonly isRipe: boolean;
  /** What it has read. */
  readonly holdings: readonly Holding[];
  /** What it has read to the end. */
  isExhausted(holding: Holding): boolean;
}

/**
 * Finds out up to where nothing can come any more, so that passes need not begin at the first row:
 * rows that were published are gone, but while an old transaction keeps Postgres from cleaning up,
 * their traces are in the way.
 *
 * A row that a pass has not seen, in front of one that it has seen, is of a transaction that had its
 * number when the pass began: it has it before its rows have places. Once a transaction of this
 * session that began later has ended, and all before that one have too, a pass that begins then sees
 * every such row. When that pass is beyond the place, nothing can come in front of it any more.
 */
export class LowWater {
  #cut: Cut | undefined;

  /** The cut that a statement which is sent now comes after. */
  get cut(): object | undefined {
    return this.#cut;
  }

  /** A statement that was sent when `cut` was the cut had a transaction with this number. */
  bind(cut: object | undefined, xid: string): void {
    if (cut !== undefined && cut === this.#cut) this.#cut.bound ??= BigInt(xid);
  }

  /** Whether a pass that sees this snapshot sees all that may have come late before the cut. */
  isRipe(snapshot: string): boolean {
    const bound = this.#cut?.bound;
    return bound !== undefined && BigInt(snapshot.slice(0, snapshot.indexOf(":"))) > bound;
  }

  /** A pass has ended. */
  end(pass: PassEnd): void {
    const seen = pass.holdings.filter((holding) => !holding.isRewound);
    if (pass.isRipe && this.#cut !== undefined) {
      for (const holding of seen) {
        const cursor = this.#cut.cursors.get(holding);
        if (cursor === undefined) continue;
        const isBeyond = pass.isExhausted(holding) || BigInt(holding.cursor) >= BigInt(cursor);
        if (isBeyond) holding.mark = cursor;
      }
      this.#cut = undefined;
    }
    const advanced = seen.filter(({ mark, cursor }) => BigInt(cursor) > BigInt(mark));
    if (this.#cut !== undefined || advanced.length === 0) return;
    this.#cut = {
      cursors: new Map(advanced.map((holding) => [holding, holding.cursor])),
      bound: undefined,
    };
  }
}

/** Rows that a pass has seen are to be read again. */
export function rewind(holding: Holding): void {
  holding.mark = "0";
  holding.isRewound = true;
}
