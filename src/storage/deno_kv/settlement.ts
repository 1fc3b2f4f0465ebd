import type { OutboxOutcome } from "../mod.ts";
import { buryingOf } from "./dead_row.ts";
import type { Flight, LaneInFlight } from "./flights.ts";
import { isKeyLane } from "./lane_text.ts";
import { laneParks, laneWaits, MARK, ticketFor } from "./lane_record.ts";
import type { SessionState } from "./session_state.ts";
import { withAttempts } from "./stored_row.ts";
import type { Unit, Write } from "./writes.ts";

/** A row with what became of it. */
export interface Settled {
  readonly outcome: OutboxOutcome;
  readonly flight: Flight;
}

/**
 * What is to be written for rows that are settled. Each unit leaves things as they may be: if the
 * process dies between two, rows come again that were published, and lanes keep their order.
 *
 * @param keepPublished Whether rows are kept that were published.
 */
export async function unitsOf(
  state: SessionState,
  settled: readonly Settled[],
  keepPublished: boolean,
): Promise<Unit[]> {
  const settlement = new Settlement(state, keepPublished);
  const units: Unit[] = [];
  for (const each of settled) {
    const unit = await settlement.unitOf(each);
    if (unit.length > 0) units.push(unit);
  }
  return units;
}

class Settlement {
  readonly #state: SessionState;
  readonly #keepPublished: boolean;
  readonly #nowMs: number;
  /** The rows that are gone, or are no more where they were; and how many of each lane. */
  readonly #done: Set<Flight> = new Set();
  readonly #doneOf: Map<LaneInFlight | undefined, number> = new Map();

  constructor(state: SessionState, keepPublished: boolean) {
    this.#state = state;
    this.#keepPublished = keepPublished;
    this.#nowMs = state.database.clock.now();
  }

  unitOf({ outcome, flight }: Settled): Unit | Promise<Unit> {
    const isBack = outcome.outcome === "held" || outcome.outcome === "returned";
    if (!isBack) this.#isDone(flight);
    switch (outcome.outcome) {
      case "published":
        return [...this.#remove(flight), ...this.#keep(flight)];
      case "failed":
        return this.#wait(flight, outcome.retryAfterMs);
      case "dead":
        return this.#bury(flight, outcome.error, outcome.continues);
      default:
        return []; // it stays where it is, and is read again
    }
  }

  #isDone(flight: Flight): void {
    const lane = this.#state.flights.lane(flight.pairName, flight.lane);
    this.#done.add(flight);
    this.#doneOf.set(lane, (this.#doneOf.get(lane) ?? 0) + 1);
  }

  /** Takes a row out; and if its lane had to wait, and nothing else has to, ends that. */
  #remove({ key, pair, pairName, lane }: Flight): Write[] {
    const { database: { keys }, flights, held } = this.#state;
    const writes: Write[] = [{ key }];
    const inFlight = flights.lane(pairName, lane);
    if (inFlight?.ticket === undefined || !inFlight.isWhole) return writes;
    const isLast = this.#doneOf.get(inFlight) === inFlight.count;
    if (inFlight.isTurnedBack || !isLast) return writes;
    held.get(pairName)?.blocked.delete(lane);
    return [...writes, { key: keys.lane(pair, lane) }, { key: keys.ticket(pair, inFlight.ticket) }];
  }

  /** Keeps what was published, or deletes the rest of it. */
  #keep({ place, bytes, chunks }: Flight): Write[] {
    const { keys } = this.#state.database;
    if (this.#keepPublished) return [{ key: keys.doneRow(this.#nowMs, place), value: bytes }];
    return Array.from({ length: chunks }, (_, n) => ({ key: keys.body(place, n) }));
  }

  #wait(flight: Flight, retryAfterMs: number): Write[] {
    const { database, flights, held } = this.#state;
    const { pair, pairName, lane, place, attempts, key, isWaiting } = flight;
    const ticket = ticketFor(lane, this.#nowMs + retryAfterMs);
    held.get(pairName)?.blocked.set(lane, ticket.dueMs);
    const inFlight = flights.lane(pairName, lane);
    const writes: Write[] = [
      {
        key: database.keys.waitingRow(pair, lane, place),
        value: withAttempts(flight.bytes, attempts + 1),
      },
      ...laneWaits(database, pair, ticket),
    ];
    if (!isWaiting) writes.push({ key });
    if (inFlight?.ticket !== undefined) {
      writes.push({ key: database.keys.ticket(pair, inFlight.ticket) });
    }
    if (inFlight !== undefined) {
      inFlight.ticket = ticket;
      inFlight.isWhole = false;
      inFlight.hasFailed = true;
    }
    return writes;
  }

  async #bury(flight: Flight, error: string, continues: boolean): Promise<Write[]> {
    const { keys } = this.#state.database;
    const { pair, lane, id, place, bytes, attempts, key } = flight;
    const isParking = !continues && isKeyLane(lane);
    const burying = await buryingOf(keys, place, this.#nowMs, {
      ...pair,
      lane,
      id,
      attempts: attempts + 1,
      error,
      isParking,
      row: bytes,
    });
    if (!isParking) return [...this.#remove(flight), ...burying];
    const mark = { key: keys.waitingRow(pair, lane, place), value: MARK };
    const writes = flight.isWaiting ? [mark] : [{ key }, mark];
    return [...writes, ...burying, ...this.#park(flight)];
  }

  /** Parks a lane; unless there may be something to read before the row that is dead. */
  #park(flight: Flight): Write[] {
    const { database, flights, held } = this.#state;
    const { pair, pairName, lane, place } = flight;
    const inFlight = flights.lane(pairName, lane);
    const blocked = held.get(pairName)?.blocked;
    if (inFlight === undefined || blocked === undefined) return [];
    inFlight.isWhole = false;
    const isFirst = flights.rowsOf(pairName, lane)
      .every((other) => other.place >= place || !other.isWaiting || this.#done.has(other));
    if (inFlight.hasFailed || (inFlight.ticket !== undefined && !isFirst)) return [];
    const before = blocked.get(lane);
    const parkedAt = typeof before === "string" && before < place ? before : place;
    blocked.set(lane, parkedAt);
    const writes = [laneParks(database, pair, lane, parkedAt)];
    if (inFlight.ticket === undefined) return writes;
    writes.push({ key: database.keys.ticket(pair, inFlight.ticket) });
    inFlight.ticket = undefined;
    return writes;
  }
}
