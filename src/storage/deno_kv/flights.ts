import type { DenoKvKey } from "./deno_kv.ts";
import type { Pair, Ticket } from "./keys.ts";

/** A row that a session has given and that is not settled. */
export interface Flight {
  /** The partition that it is of, by name. */
  readonly pairName: string;
  readonly pair: Pair;
  /** Its lane, as it is in keys. */
  readonly lane: string;
  readonly place: string;
  /** Where it is stored: in the queue, or with the waiting rows of its lane. */
  readonly key: DenoKvKey;
  readonly isWaiting: boolean;
  /** What is stored. */
  readonly bytes: Uint8Array;
  readonly attempts: number;
  readonly chunks: number;
  /** Of the message. */
  readonly id: string;
}

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

/** The rows that a session has given and that are not settled. */
export class Flights {
  readonly #rows: Map<string, Flight> = new Map();
  readonly #lanes: Map<string, LaneInFlight> = new Map();
  readonly #counts: Map<string, number> = new Map();
  /** What was settled since a reading began: a list that was made meanwhile may have it still. */
  #settled: Set<string> | undefined;

  get size(): number {
    return this.#rows.size;
  }

  get(position: string): Flight | undefined {
    return this.#rows.get(position);
  }

  /** Whether a row that was found is none to be given. */
  isKnown(position: string): boolean {
    return this.#rows.has(position) || this.#settled?.has(position) === true;
  }

  /** How many rows of a partition there are. */
  countOf(pairName: string): number {
    return this.#counts.get(pairName) ?? 0;
  }

  lane(pairName: string, lane: string): LaneInFlight | undefined {
    return this.#lanes.get(laneName(pairName, lane));
  }

  /** The rows of a lane. */
  rowsOf(pairName: string, lane: string): Flight[] {
    return [...this.#rows.values()]
      .filter((flight) => flight.pairName === pairName && flight.lane === lane);
  }

  add(position: string, flight: Flight, opened?: Pick<LaneInFlight, "ticket" | "isWhole">): void {
    const { pairName, lane } = flight;
    this.#rows.set(position, flight);
    this.#counts.set(pairName, this.countOf(pairName) + 1);
    const found = this.lane(pairName, lane);
    if (found !== undefined) found.count++;
    else {
      const { ticket, isWhole = false } = opened ?? {};
      const made = { count: 1, isTurnedBack: false, hasFailed: false, ticket, isWhole };
      this.#lanes.set(laneName(pairName, lane), made);
    }
  }

  /**
   * Forgets a row that is settled.
   *
   * @returns Whether the lane had been turned back, and has no row in flight any more.
   */
  settle(position: string): boolean {
    this.#settled?.add(position);
    return this.#remove(position);
  }

  /** Forgets a row that comes again; like {@linkcode Flights.settle}. */
  giveBack(position: string): boolean {
    const flight = this.#rows.get(position);
    const lane = flight && this.lane(flight.pairName, flight.lane);
    if (lane !== undefined) lane.isTurnedBack = true;
    return this.#remove(position);
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
    this.#lanes.clear();
    this.#counts.clear();
  }

  #remove(position: string): boolean {
    const flight = this.#rows.get(position);
    if (flight === undefined) return false;
    const { pairName, lane } = flight;
    this.#rows.delete(position);
    this.#counts.set(pairName, this.countOf(pairName) - 1);
    const found = this.lane(pairName, lane);
    if (found === undefined || --found.count > 0) return false;
    this.#lanes.delete(laneName(pairName, lane));
    return found.isTurnedBack;
  }
}

/** Names of partitions begin with a number and a space, and a lane has a first character of its own. */
function laneName(pairName: string, lane: string): string {
  return `${pairName.length} ${pairName}${lane}`;
}

/** Tells a row from all others: the topic may contain anything, what stands before it may not. */
export function positionOf({ topic, partition }: Pair, place: string): string {
  return `${place} ${partition} ${topic}`;
}
