import type { Envelope } from "../../message/mod.ts";
import { laneOf } from "../mod.ts";
import type { PostgresRow } from "./client.ts";
import { envelopeOf } from "./envelope_columns.ts";
import type { Holding } from "./holdings.ts";
import type { FlightRow, InFlight } from "./in_flight.ts";
import { type PassEnd, rewind } from "./low_water.ts";

/** Where a row is. */
export interface Place {
  readonly holding: Holding;
  readonly position: string;
  /** The name of its lane in the database. */
  readonly lane: string;
  readonly isWaiting: boolean;
}

/** What a statement has found. */
export interface Found {
  /** What can be given. */
  readonly given: FlightRow[];
  /** Rows of the queue whose lanes are blocked. */
  readonly blocked: Place[];
  /** What cannot be made sense of. */
  readonly broken: Array<Place & { readonly attempts: number; readonly error: unknown }>;
  /** Blocked lanes in which there is nothing to read. */
  readonly idle: Array<Pick<Place, "holding" | "lane">>;
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

  /** Looks through the rows that a statement has found in `asked`, of each at most `quota`, in all at most `maxRows`. */
  accept(
    rows: readonly PostgresRow[],
    { asked, quota, maxRows, inFlight }: {
      readonly asked: readonly Holding[];
      readonly quota: number;
      readonly maxRows: number;
      readonly inFlight: InFlight;
    },
  ): Found {
    const found: Found = { given: [], blocked: [], broken: [], idle: [] };
    const counts = new Map<Holding, number>();
    let queued: ReadonlySet<string> | undefined;
    const isQueued = (lane: string) => (queued ??= inFlight.queuedLanes()).has(lane);
    for (const row of rows) {
      const holding = asked[Number(row.pair) - 1];
      if (holding === undefined || holding.isLeft) continue;
      if (Number(row.state) < WAITING && row.state !== IDLE_LANE) {
        holding.cursor = String(row.position);
        counts.set(holding, (counts.get(holding) ?? 0) + 1);
      }
      this.#look(row, { holding, inFlight, found, isQueued });
    }
    const isCut = rows.length - 1 >= maxRows; // the first row is the header
    const rest = asked.filter((holding) => !holding.isLeft)
      .filter((holding) => isCut || (counts.get(holding) ?? 0) >= quota);
    this.#active = [
      ...rest.filter((holding) => !counts.has(holding)),
      ...rest.filter((holding) => counts.has(holding)),
    ];
    return found;
  }

  #look(
    row: PostgresRow,
    { holding, inFlight, found, isQueued }: {
      readonly holding: Holding;
      readonly inFlight: InFlight;
      readonly found: Found;
      readonly isQueued: (lane: string) => boolean;
    },
  ): void {
    const { topic } = holding;
    if (row.state === IDLE_LANE) return void found.idle.push({ holding, lane: String(row.id) });
    const position = String(row.position);
    if (inFlight.isKnown(position)) return;
    const key = typeof row.key === "string" ? row.key : undefined;
    const name = laneOf({ topic, key, id: String(row.id) });
    const state = Number(row.state);
    const isWaiting = state >= WAITING;
    const place = { holding, position, lane: laneIn({ key }, position), isWaiting };
    if (state === BLOCKED) {
      this.#leftOut.add(name);
      // What waits is the front of its lane, always: else whoever takes over would begin with its end.
      if (!this.#leftBehind.has(name) && !isQueued(name)) return void found.blocked.push(place);
      this.#leaveBehind(name, holding);
    } else if (
      inFlight.isTurnedBack(name) ||
      (!isWaiting && this.#leftOut.size > 0 && this.#leftOut.has(name))
    ) {
      this.#leftOut.add(name);
      if (!isWaiting) this.#leaveBehind(name, holding);
    } else {
      const attempts = isWaiting ? state - WAITING : 0;
      try {
        const envelope = envelopeOf(topic, row);
        const flight = { ...place, row: { position, lane: name, attempts, envelope } };
        inFlight.add(flight);
        found.given.push(flight);
      } catch (error) {
        this.#leftOut.add(name);
        inFlight.turnBack([name]);
        found.broken.push({ ...place, attempts, error });
      }
    }
  }

  /** The next pass sees to what stays in the queue now. */
  #leaveBehind(lane: string, holding: Holding): void {
    this.#leftBehind.add(lane);
    rewind(holding);
  }
}
