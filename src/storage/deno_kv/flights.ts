import type { Envelope } from "../../message/mod.ts";
import type { Bundle } from "./bundle.ts";
import type { Ticket } from "./keys.ts";
import type { HeldPair } from "./session_state.ts";

/** A lane with rows in flight. */
export interface LaneInFlight {
  /** How many rows. */
  count: number;
  /** Whether rows came back, so that those that were read behind them have to come back first. */
  isTurnedBack: boolean;
  /** What it was opened for, if its rows had to wait. */
  ticket: Ticket | undefined;
  /** Whether no row of it has to wait but those that are in flight. */
  isWhole: boolean;
  /** Whether one of its rows has failed, so that it waits. */
  hasFailed: boolean;
}

/** A row that a session has given and that is not settled. */
export interface Flight {
  readonly held: HeldPair;
  /** Its lane, as it is in keys. */
  readonly lane: string;
  readonly inLane: LaneInFlight;
  readonly place: string;
  /** The bundle that it is in; `undefined` if it is with the waiting rows of its lane. */
  readonly bundle: Bundle | undefined;
  /** What is stored, and the message in it. */
  readonly row: Uint8Array;
  readonly envelope: Envelope;
}

/** What is to be known of a lane that had to wait. */
export type Opening = Pick<LaneInFlight, "ticket" | "isWhole">;

/** The lane of a row that is about to be given; `opening` tells of one that had to wait. */
export function laneFor(held: HeldPair, lane: string, opening?: Opening): LaneInFlight {
  const found = held.inFlight.get(lane);
  if (found !== undefined) return found;
  const { ticket, isWhole = false } = opening ?? {};
  const made = { count: 0, isTurnedBack: false, ticket, isWhole, hasFailed: false };
  held.inFlight.set(lane, made);
  return made;
}

/** The rows that a session has given and that are not settled, by their places. */
export class Flights {
  readonly #rows: Map<string, Flight> = new Map();
  /** What was settled since a reading began: a list that was made meanwhile may have it still. */
  #settled: Set<string> | undefined;

  get size(): number {
    return this.#rows.size;
  }

  get(place: string): Flight | undefined {
    return this.#rows.get(place);
  }

  /** Whether a row that was found is none to be given. */
  isKnown(place: string): boolean {
    return this.#rows.has(place) || this.#settled?.has(place) === true;
  }

  /** The rows of a lane. */
  rowsOf(lane: LaneInFlight): Flight[] {
    return [...this.#rows.values()].filter(({ inLane }) => inLane === lane);
  }

  /** Adds a row. */
  add(flight: Flight): void {
    const { held, inLane, place, bundle } = flight;
    inLane.count++;
    if (bundle !== undefined && bundle.inFlight++ === 0) held.bundles.set(bundle.place, bundle);
    this.#rows.set(place, flight);
  }

  /**
   * Forgets a row that is settled.
   *
   * @returns Whether its lane had been turned back, and has no row in flight any more.
   */
  settle(place: string): boolean {
    this.#settled?.add(place);
    return this.#remove(place);
  }

  /** Forgets a row that comes again; like {@linkcode Flights.settle}. */
  giveBack(place: string): boolean {
    const inLane = this.#rows.get(place)?.inLane;
    if (inLane !== undefined) inLane.isTurnedBack = true;
    return this.#remove(place);
  }

  /** From here on it remembers what is settled. */
  beginReading(): void {
    this.#settled = new Set();
  }

  endReading(): void {
    this.#settled = undefined;
  }

  get isReading(): boolean {
    return this.#settled !== undefined;
  }

  clear(): void {
    this.#rows.clear();
  }

  #remove(place: string): boolean {
    const flight = this.#rows.get(place);
    if (flight === undefined) return false;
    const { held, lane, inLane, bundle } = flight;
    this.#rows.delete(place);
    if (bundle !== undefined && --bundle.inFlight === 0) held.bundles.delete(bundle.place);
    if (--inLane.count > 0) return false;
    held.inFlight.delete(lane);
    return inLane.isTurnedBack;
  }
}
