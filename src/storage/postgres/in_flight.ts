import type { OutboxRow } from "../mod.ts";
import type { Holding } from "./holdings.ts";

/** A row that a session has given and that is not settled. */
export interface FlightRow {
  readonly row: OutboxRow;
  readonly holding: Holding;
  /** Whether it stands in `outbox_waiting`. */
  readonly isWaiting: boolean;
}

/** A blocked lane that is being read. */
export interface BusyLane {
  readonly topic: string;
  readonly key: string | undefined;
  /** The place of the last row that was given. */
  cursor: string;
  rows: number;
}

/** Why nothing of a lane is given for a while. */
type TurnedBack = "settling" | "settled";

/** The rows of a session that are not settled, and their lanes. */
export class InFlight {
  /** By their positions, as numbers: those are found faster than texts. */
  readonly #rows: Map<number, FlightRow> = new Map();
  readonly #busy: Map<string, BusyLane> = new Map();
  /** Lanes of which a row came back: those that were read behind it come back first. */
  readonly #turnedBack: Map<string, TurnedBack> = new Map();
  /** What was settled while a statement is under way, which may have seen it still. */
  readonly #gone: Set<number> = new Set();
  #isLooking = false;
  #hasBlocked = false;

  get size(): number {
    return this.#rows.size;
  }

  /** The blocked lanes that have rows in flight. */
  get busyLanes(): readonly BusyLane[] {
    return [...this.#busy.values()];
  }

  /** Whether lanes were blocked since the last survey was sent, or are being blocked. */
  get hasBlocked(): boolean {
    return this.#hasBlocked;
  }

  /** The lanes that have rows of the queue in flight. */
  queuedLanes(): ReadonlySet<string> {
    const lanes = new Set<string>();
    for (const { row, isWaiting } of this.#rows.values()) if (!isWaiting) lanes.add(row.lane);
    return lanes;
  }

  get(position: string): FlightRow | undefined {
    return this.#rows.get(Number(position));
  }

  /** Whether a row that a statement has found was given before. */
  isKnown(position: number): boolean {
    return this.#rows.has(position) || this.#gone.size > 0 && this.#gone.has(position);
  }

  isTurnedBack(lane: string): boolean {
    return this.#turnedBack.size > 0 && this.#turnedBack.has(lane);
  }

  add(flight: FlightRow): void {
    const { row, holding, isWaiting } = flight;
    this.#rows.set(Number(row.position), flight);
    holding.inFlight++;
    if (!isWaiting) return;
    const busy = this.#busy.get(row.lane);
    if (busy === undefined) {
      const { topic, key } = row.envelope;
      this.#busy.set(row.lane, { topic, key, cursor: row.position, rows: 1 });
    } else {
      busy.cursor = row.position;
      busy.rows++;
    }
  }

  remove({ row, holding, isWaiting }: FlightRow): void {
    const position = Number(row.position);
    if (!this.#rows.delete(position)) return;
    if (this.#isLooking) this.#gone.add(position);
    holding.inFlight--;
    const busy = isWaiting ? this.#busy.get(row.lane) : undefined;
    if (busy !== undefined && --busy.rows === 0) this.#busy.delete(row.lane);
  }

  /** Nothing of these lanes is to be given, from now on. */
  turnBack(lanes: readonly string[]): void {
    for (const lane of lanes) this.#turnedBack.set(lane, "settling");
    this.#hasBlocked ||= lanes.length > 0;
  }

  /** What becomes of these lanes is written down. */
  settled(lanes: readonly string[]): void {
    for (const lane of lanes) this.#turnedBack.set(lane, "settled");
  }

  /** A pass begins that sees what was written down. */
  beginPass(): void {
    if (this.#turnedBack.size === 0) return;
    const lanes = new Set([...this.#rows.values()].map(({ row }) => row.lane));
    for (const [lane, state] of this.#turnedBack) {
      if (state === "settled" && !lanes.has(lane)) this.#turnedBack.delete(lane);
    }
  }

  /** A survey is sent, which tells whether there are blocked lanes, but for those that are being blocked. */
  beginSurvey(): void {
    this.#hasBlocked = this.#turnedBack.size > 0;
  }

  /** A statement is sent that finds rows. */
  look(): void {
    this.#isLooking = true;
  }

  /** What the statement has found was looked through. */
  endLook(): void {
    this.#isLooking = false;
    this.#gone.clear();
  }

  clear(): void {
    for (const flight of [...this.#rows.values()]) this.remove(flight);
    this.#turnedBack.clear();
  }
}
