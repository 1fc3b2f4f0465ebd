import type { OutboxOutcome } from "../mod.ts";
import { buryingOf } from "./dead_row.ts";
import type { Flight, LaneInFlight } from "./flights.ts";
import { isKeyLane } from "./lane_text.ts";
import { laneParks, laneWaits, MARK, ticketFor } from "./lane_record.ts";
import type { SessionState } from "./session_state.ts";
import { attemptsIn, chunksIn, withAttempts } from "./stored_row.ts";
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
    const unit = settlement.unitOf(each);
    units.push(unit instanceof Promise ? await unit : unit);
  }
  return units;
}

class Settlement {
  readonly #state: SessionState;
  readonly #keepPublished: boolean;
  readonly #nowMs: number;
  /** The rows of opened lanes that are gone or have failed, and how many of each lane. */
  readonly #done: Set<Flight> = new Set();
  readonly #doneOf: Map<LaneInFlight, number> = new Map();

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
        return this.#publish(flight);
      case "failed":
        return this.#wait(flight, outcome.retryAfterMs);
      case "dead":
        return this.#bury(flight, outcome.error, outcome.continues);
      default:
        return []; // it stays where it is, and is read again
    }
  }

  #publish(flight: Flight): Unit {
    const removal = this.#remove(flight);
    const isAll = chunksIn(flight.row) === 0 && !this.#keepPublished;
    return isAll ? removal : [...removal, ...this.#keep(flight)];
  }

  #isDone(flight: Flight): void {
    const { inLane } = flight;
    if (inLane.ticket === undefined) return; // nothing is to be known of its lane
    this.#done.add(flight);
    this.#doneOf.set(inLane, (this.#doneOf.get(inLane) ?? 0) + 1);
  }

  /** Takes a row out; and if its lane had to wait, and nothing else has to, ends that. */
  #remove({ key, held, lane, inLane }: Flight): Write[] {
    const { keys } = this.#state.database;
    if (inLane.ticket === undefined || !inLane.isWhole || inLane.isTurnedBack) return [{ key }];
    if (this.#doneOf.get(inLane) !== inLane.count) return [{ key }];
    held.blocked.delete(lane);
    return [{ key }, { key: keys.lane(held.pair, lane) }, {
      key: keys.ticket(held.pair, inLane.ticket),
    }];
  }

  /** Keeps what was published, or deletes the rest of it. */
  #keep({ place, row }: Flight): Write[] {
    const { keys } = this.#state.database;
    if (this.#keepPublished) return [{ key: keys.doneRow(this.#nowMs, place), value: row }];
    return Array.from({ length: chunksIn(row) }, (_, n) => ({ key: keys.body(place, n) }));
  }

  #wait(flight: Flight, retryAfterMs: number): Write[] {
    const { database } = this.#state;
    const { held, lane, inLane, place, key, isWaiting, row } = flight;
    const ticket = ticketFor(lane, this.#nowMs + retryAfterMs);
    const writes: Write[] = [
      {
        key: database.keys.waitingRow(held.pair, lane, place),
        value: withAttempts(row, attemptsIn(row) + 1),
      },
      ...laneWaits(database, held.pair, ticket),
    ];
    if (!isWaiting) writes.push({ key });
    if (inLane.ticket !== undefined) {
      writes.push({ key: database.keys.ticket(held.pair, inLane.ticket) });
    }
    held.blocked.set(lane, ticket.dueMs);
    inLane.ticket = ticket;
    inLane.isWhole = false;
    inLane.hasFailed = true;
    return writes;
  }

  async #bury(flight: Flight, error: string, continues: boolean): Promise<Write[]> {
    const { keys } = this.#state.database;
    const { held, lane, place, row, key } = flight;
    const isParking = !continues && isKeyLane(lane);
    const burying = await buryingOf(keys, place, this.#nowMs, {
      ...held.pair,
      lane,
      id: flight.envelope.id,
      attempts: attemptsIn(row) + 1,
      error,
      isParking,
      row,
    });
    if (!isParking) return [...this.#remove(flight), ...burying];
    const mark = { key: keys.waitingRow(held.pair, lane, place), value: MARK };
    const writes = flight.isWaiting ? [mark] : [{ key }, mark];
    return [...writes, ...burying, ...this.#park(flight)];
  }

  /** Parks a lane; unless there may be something to read before the row that is dead. */
  #park({ held, lane, inLane, place }: Flight): Write[] {
    const { database, flights } = this.#state;
    const { ticket } = inLane;
    inLane.isWhole = false;
    const isFirst = flights.rowsOf(inLane)
      .every((other) => other.place >= place || !other.isWaiting || this.#done.has(other));
    if (inLane.hasFailed || (ticket !== undefined && !isFirst)) return [];
    const before = held.blocked.get(lane);
    const parkedAt = typeof before === "string" && before < place ? before : place;
    held.blocked.set(lane, parkedAt);
    const writes = [laneParks(database, held.pair, lane, parkedAt)];
    if (ticket === undefined) return writes;
    inLane.ticket = undefined;
    return [...writes, { key: database.keys.ticket(held.pair, ticket) }];
  }
}
