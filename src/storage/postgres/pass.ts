import type { Envelope } from "../../message/mod.ts";
import type { OutboxRow } from "../mod.ts";
import type { PostgresRow } from "./client.ts";
import { envelopeOf } from "./envelope_columns.ts";
import type { Holding } from "./holdings.ts";
import type { InFlight } from "./in_flight.ts";
import { type PassEnd, rewind } from "./low_water.ts";

/** Where a row is. */
export interface Place {
  readonly holding: Holding;
  readonly position: string;
  /** The name of its lane in the database. */
  readonly lane: string;
  readonly isWaiting: boolean;
}

/** A row that nobody can make sense of. */
export interface BrokenRow extends Place {
  /** The name of its lane among all. */
  readonly name: string;
  readonly attempts: number;
  readonly error: unknown;
}

/** What a statement has found. */
export interface Found {
  /** What can be given. */
  readonly given: OutboxRow[];
  /** Rows of the queue whose lanes are blocked. */
  readonly blocked: Place[];
  /** What cannot be made sense of. */
  readonly broken: BrokenRow[];
  /** Blocked lanes in which there is nothing to read. */
  readonly idle: Array<Pick<Place, "holding" | "lane">>;
}

/** A part of a pass, as one statement reads it. */
export interface Batch {
  readonly pass: Pass;
  /** What it reads. */
  readonly asked: readonly Holding[];
  /** How many rows of each at the most: none has to wait until another is empty. */
  readonly quota: number;
  /** How many rows in all at the most. */
  readonly maxRows: number;
}

/** What states of rows mean; see {@linkcode SessionStatements}. */
const BLOCKED = 1;
const WAITING = 2;
const IDLE_LANE = -2;

/** The name of a row's lane in the database, where it stands beside its topic. */
export function laneIn({ key }: Pick<Envelope, "key">, position: string): string {
  return key === undefined ? `#${position}` : `=${key}`;
}

/**
 * One walk through the partitions of a session, each from its first row to the last that was committed
 * when the walk began. So of two rows of one lane, if the transaction of the first was committed before
 * the second was appended, whoever sees the second has seen the first.
 */
export class Pass implements PassEnd {
  readonly holdings: readonly Holding[];
  /** What it sees. */
  snapshot = "";
  /** Whether it sees all that may have come late; see {@linkcode LowWater}. */
  isRipe = false;
  /** Whether it goes through all that its session can take, as a survey does. */
  isWhole = false;
  /** What has not been read to the end, the one first that was not read last. */
  #active: readonly Holding[];
  /** The lanes of which it has left something out: what comes behind it has to be left out too. */
  readonly #leftOut: Set<string> = new Set();
  /** Lanes of which rows stay in the queue for now: so must those behind them, blocked or not. */
  readonly #leftBehind: Set<string> = new Set();
  /** The lanes with rows of the queue in flight, once somebody has asked. */
  #queued: ReadonlySet<string> | undefined;

  /** Begins it; its first statement is sent then. */
  constructor(holdings: readonly Holding[]) {
    this.holdings = holdings;
    this.#active = holdings;
    for (const holding of holdings) {
      holding.cursor = holding.mark;
      holding.isRewound = false;
    }
  }

  get active(): readonly Holding[] {
    return this.#active;
  }

  isExhausted(holding: Holding): boolean {
    return !this.#active.includes(holding);
  }

  /** What the next statement is to read. */
  batch(maxRows: number): Batch {
    const asked = this.#active;
    return { pass: this, asked, quota: Math.ceil(maxRows / Math.max(1, asked.length)), maxRows };
  }

  /** Looks through the rows that a statement has found. */
  accept(
    rows: readonly PostgresRow[],
    { asked, quota, maxRows }: Batch,
    inFlight: InFlight,
  ): Found {
    const found: Found = { given: [], blocked: [], broken: [], idle: [] };
    this.#queued = undefined;
    for (const holding of asked) holding.count = 0;
    for (const row of rows) {
      const holding = asked[Number(row.pair) - 1];
      if (holding !== undefined && !holding.isLeft) this.#look(row, holding, { inFlight, found });
    }
    const isCut = rows.length >= maxRows;
    const rest = asked.filter(({ isLeft, count }) => !isLeft && (isCut || count >= quota));
    this.#active = [
      ...rest.filter(({ count }) => count === 0),
      ...rest.filter(({ count }) => count > 0),
    ];
    return found;
  }

  #look(
    row: PostgresRow,
    holding: Holding,
    { inFlight, found }: { readonly inFlight: InFlight; readonly found: Found },
  ): void {
    const state = Number(row.state ?? 0);
    if (state === IDLE_LANE) return void found.idle.push({ holding, lane: String(row.id) });
    const position = String(row.position);
    const isWaiting = state >= WAITING;
    if (!isWaiting) {
      holding.cursor = position;
      holding.count++;
    }
    if (inFlight.isKnown(Number(position))) return;
    const key = typeof row.key === "string" ? row.key : undefined;
    // A lane's name begins with that of its topic, whatever comes then.
    const name = key === undefined ? holding.lonely + row.id : holding.keyed + key;
    if (state === BLOCKED || inFlight.isTurnedBack(name) || !isWaiting && this.#isLeftOut(name)) {
      this.#leaveOut(state, name, { holding, position, key, inFlight, found });
    } else {
      const attempts = isWaiting ? state - WAITING : 0;
      try {
        const given = { position, lane: name, attempts, envelope: envelopeOf(holding.topic, row) };
        inFlight.add({ row: given, holding, isWaiting });
        found.given.push(given);
      } catch (error) {
        this.#leftOut.add(name);
        inFlight.turnBack([name]);
        const lane = laneIn({ key }, position);
        found.broken.push({ holding, position, lane, name, isWaiting, attempts, error });
      }
    }
  }

  #isLeftOut(lane: string): boolean {
    return this.#leftOut.size > 0 && this.#leftOut.has(lane);
  }

  #leaveOut(
    state: number,
    name: string,
    { holding, position, key, inFlight, found }: {
      readonly holding: Holding;
      readonly position: string;
      readonly key: string | undefined;
      readonly inFlight: InFlight;
      readonly found: Found;
    },
  ): void {
    this.#leftOut.add(name);
    if (state >= WAITING) return;
    // What waits is the front of its lane, always: else whoever takes over would begin with its end.
    const isBehind = state !== BLOCKED || this.#leftBehind.has(name) ||
      inFlight.isTurnedBack(name) || (this.#queued ??= inFlight.queuedLanes()).has(name);
    if (!isBehind) {
      const lane = laneIn({ key }, position);
      return void found.blocked.push({ holding, position, lane, isWaiting: false });
    }
    this.#leftBehind.add(name); // the next pass sees to what stays in the queue now
    rewind(holding);
  }
}
