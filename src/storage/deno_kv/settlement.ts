import type { OutboxOutcome } from "../mod.ts";
import { BundleUnits } from "./bundle.ts";
import { buryingOf } from "./dead_row.ts";
import type { Flight, LaneInFlight } from "./flights.ts";
import { isKeyLane } from "./lane_text.ts";
import { laneParks, laneWaits, MARK, ticketFor } from "./lane_record.ts";
import type { SessionState } from "./session_state.ts";
import { attemptsIn, chunksIn, withAttempts } from "./stored_row.ts";
import type { Write } from "./writes.ts";

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
export async function unitsFor(
  state: SessionState,
  settled: readonly Settled[],
  keepPublished: boolean,
): Promise<BundleUnits> {
  const settlement = new Settlement(state, keepPublished);
  const units = new BundleUnits();
  for (const { outcome, flight } of settled) {
    const writes = settlement.writesOf(outcome, flight);
    if (writes === undefined) continue; // it stays where it is, and is read again
    units.takeOut(flight.bundle, flight.place, writes instanceof Promise ? await writes : writes);
  }
  return units;
}

const NOTHING: readonly Write[] = [];

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

  /** What is written for a row that leaves its bundle; `undefined` if it does not. */
  writesOf(
    outcome: OutboxOutcome,
    flight: Flight,
  ): readonly Write[] | Promise<readonly Write[]> | undefined {
    if (outcome.outcome === "held" || outcome.outcome === "returned") return undefined;
    this.#isDone(flight);
    switch (outcome.outcome) {
      case "published":
        return this.#publish(flight);
      case "failed":
        return this.#wait(flight, outcome.retryAfterMs);
      case "dead":
        return this.#bury(flight, outcome.error, outcome.continues);
    }
  }

  #publish(flight: Flight): readonly Write[] {
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

  /** Deletes a row that waits; and if all of its lane is gone that had to wait, ends that. */
  #remove({ held, lane, inLane, place, bundle }: Flight): readonly Write[] {
    const { keys } = this.#state.database;
    const row = { key: keys.waitingRow(held.pair, lane, place) };
    const writes = bundle === undefined ? [row] : NOTHING;
    if (inLane.ticket === undefined || !inLane.isWhole || inLane.isTurnedBack) return writes;
    if (this.#doneOf.get(inLane) !== inLane.count) return writes;
    held.blocked.delete(lane);
    return [...writes, { key: keys.lane(held.pair, lane) }, {
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
    const { held, lane, inLane, place, row } = flight;
    const ticket = ticketFor(lane, this.#nowMs + retryAfterMs);
    const writes: Write[] = [
      {
        key: database.keys.waitingRow(held.pair, lane, place),
        value: withAttempts(row, attemptsIn(row) + 1),
      },
      ...laneWaits(database, held.pair, ticket),
    ];
    if (inLane.ticket !== undefined) {
      writes.push({ key: database.keys.ticket(held.pair, inLane.ticket) });
    }
    held.blocked.set(lane, ticket.dueMs);
    inLane.ticket = ticket;
    inLane.isWhole = false;
    inLane.hasFailed = true;
    return writes;
  }

  async #bury(flight: Flight, error: string, continues: boolean): Promise<readonly Write[]> {
    const { keys } = this.#state.database;
    const { held, lane, place, row } = flight;
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
    return [...isParking ? this.#park(flight) : this.#remove(flight), ...burying];
  }

  /** Parks a lane at a row; unless there may be something to read before it. */
  #park({ held, lane, inLane, place }: Flight): Write[] {
    const { database, flights } = this.#state;
    const { ticket } = inLane;
    const writes = [{ key: database.keys.waitingRow(held.pair, lane, place), value: MARK }];
    inLane.isWhole = false;
    const isFirst = flights.rowsOf(inLane)
      .every((other) =>
        other.place >= place || other.bundle !== undefined || this.#done.has(other)
      );
    if (inLane.hasFailed || (ticket !== undefined && !isFirst)) return writes;
    const before = held.blocked.get(lane);
    const parkedAt = typeof before === "string" && before < place ? before : place;
    held.blocked.set(lane, parkedAt);
    const parking: Write[] = [...writes, laneParks(database, held.pair, lane, parkedAt)];
    if (ticket === undefined) return parking;
    inLane.ticket = undefined;
    return [...parking, { key: database.keys.ticket(held.pair, ticket) }];
  }
}
