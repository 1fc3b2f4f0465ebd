import type { OutboxRow } from "../mod.ts";
import type { Holding } from "./holdings.ts";

/** A row that a session has given and that is not settled. */
export interface FlightRow {
  readonly row: OutboxRow;
  readonly holding: Holding;
  /** The name of its lane in the database. */
  readonly lane: string;
  /** Whether it stands in `outbox_waiting`. */
  readonly isWaiting: boolean;
}

/** A blocked lane that is being read. */
export interface BusyLane {
  readonly topic: string;
  readonly lane: string;
  /** The place of the last row that was given. */
  cursor: string;
  rows: number;
}

/** Why nothing of a lane is given for a while. */
type TurnedBack = "settling" | "settled";

/** The rows of a session that are not settled, and their lanes. */
export class InFlight {
  readonly #rows: Map<string, FlightRow> = new Map();
  readonly #busy: Map<string, BusyLane> = new Map();
  /** Lanes of which a row came back: those that were read behind it come back first. */
  readonly #turnedBack: Map<string, TurnedBack> = new Map();
  /** What was settled while a statement is under way, which may have seen it still. */
  readonly #gone: Set<string> = new Set();
  #isLooking = false;

  get size(): number {
    return this.#rows.size;
  }

  /** The blocked lanes that have rows in flight. */
  get busyLanes(): readonly BusyLane[] {
    return [...this.#busy.values()];
  }

  /** The lanes that have rows of the queue in flight. */
  queuedLanes(): ReadonlySet<string> {
    const lanes = new Set<string>();
    for (const { row, isWaiting } of this.#rows.values()) if (!isWaiting) lanes.add(row.lane);
    return lanes;
  }

  get(position: string): FlightRow | undefined {
    return this.#rows.get(position);
  }

  /** Whether a row that a statement has found was given before. */
  isKnown(position: string): boolean {
    return this.#rows.has(position) || this.#gone.size > 0 && this.#gone.has(position);
  }

  isBusy(lane: string): boolean {
    return this.#busy.has(lane);
  }

  isTurnedBack(lane: string): boolean {
    return this.#turnedBack.size > 0 && this.#turnedBack.has(lane);
  }

  add(flight: FlightRow): void {
    const { row, holding, lane, isWaiting } = flight;
    this.#rows.set(row.position, flight);
    holding.inFlight++;
    if (!isWaiting) return;
    const busy = this.#busy.get(row.lane);
    if (busy === undefined) {
      const { topic } = holding;
      this.#busy.set(row.lane, { topic, lane, cursor: row.position, rows: 1 });
    } else {
      busy.cursor = row.position;
      busy.rows++;
    }
  }

  remove({ row, holding, isWaiting }: FlightRow): void {
    if (!this.#rows.delete(row.position)) return;
    if (this.#isLooking) this.#gone.add(row.position);
    holding.inFlight--;
    const busy = isWaiting ? this.#busy.get(row.lane) : undefined;
    if (busy !== undefined && --busy.rows === 0) this.#busy.delete(row.lane);
  }

  /** Nothing of these lanes is to be given, from now on. */
  turnBack(lanes: Iterable<string>): void {
    for (const lane of lanes) this.#turnedBack.set(lane, "settling");
  }

  /** What becomes of these lanes is written down. */
  settled(lanes: Iterable<string>): void {
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
