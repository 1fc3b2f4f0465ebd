import { laneOf, type OutboxRow } from "../mod.ts";
import { buryingOf, NONSENSE } from "./dead_row.ts";
import { type Flight, positionOf } from "./flights.ts";
import { type OpenedLane, openLanes } from "./lane_opener.ts";
import { laneWaits, ticketFor } from "./lane_record.ts";
import { laneText } from "./lane_text.ts";
import { type FoundRow, PairReader } from "./pair_reader.ts";
import { type HeldPair, type SessionState, writeUnits } from "./session_state.ts";
import { readBody } from "./stored_body.ts";
import { decodeRow, type StoredRow } from "./stored_row.ts";
import type { Unit, Write } from "./writes.ts";

/** A row that is about to be given. */
interface Taken {
  readonly flight: Flight;
  readonly position: string;
  readonly stored: StoredRow;
}

/** Gives up to `maxRows` rows of a partition; fewer only if there are no more of it now. */
export async function takeRows(
  state: SessionState,
  held: HeldPair,
  maxRows: number,
): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  while (rows.length < maxRows) {
    const reader = held.reader ??= new PairReader(state.database, held.pair, state.version);
    await reader.fill((place) => state.flights.isKnown(positionOf(held.pair, place)));
    if (held.reader !== reader) continue; // it was turned back
    if (reader.isExhausted) return rows;
    rows.push(...await new RowTaker(state, held, reader).take(maxRows - rows.length));
  }
  return rows;
}

class RowTaker {
  readonly #state: SessionState;
  readonly #held: HeldPair;
  readonly #reader: PairReader;
  readonly #taken: Taken[] = [];
  /** What has to be written before the rows can be given. */
  readonly #units: (() => Unit | Promise<Unit>)[] = [];

  constructor(state: SessionState, held: HeldPair, reader: PairReader) {
    this.#state = state;
    this.#held = held;
    this.#reader = reader;
  }

  async take(maxRows: number): Promise<OutboxRow[]> {
    await this.#takeWaiting(maxRows);
    await this.#takeQueued(maxRows);
    const rows = await this.#complete();
    await this.#write();
    return rows;
  }

  async #takeWaiting(maxRows: number): Promise<void> {
    const { flights } = this.#state;
    const { name } = this.#held;
    const tickets = this.#reader.takeTickets()
      .filter(({ lane }, n, all) =>
        flights.lane(name, lane) === undefined &&
        all.findIndex((other) => other.lane === lane) === n
      );
    for (const opened of await openLanes(this.#state, this.#held, tickets, maxRows)) {
      this.#takeLane(opened, maxRows);
    }
  }

  #takeLane({ ticket, rows, isWhole }: OpenedLane, maxRows: number): void {
    const { keys } = this.#state.database;
    const { pair, blocked } = this.#held;
    const { lane } = ticket;
    blocked.set(lane, ticket.dueMs);
    const isLast = rows.length <= maxRows - this.#taken.length;
    for (const found of rows.slice(0, maxRows - this.#taken.length)) {
      const key = keys.waitingRow(pair, lane, found.place);
      const stored = decodeRow(found.entry.value);
      if (stored === undefined) this.#buryNonsense(found, key);
      else {this.#add({ stored, found, lane, key, isWaiting: true }, {
          ticket,
          isWhole: isWhole && isLast,
        });}
    }
  }

  async #takeQueued(maxRows: number): Promise<void> {
    const { database: { keys }, flights } = this.#state;
    const { pair, name, blocked } = this.#held;
    while (this.#taken.length < maxRows && this.#held.reader === this.#reader) {
      const found = this.#reader.takeRow();
      if (found === undefined) return;
      const key = keys.row(pair, found.place);
      const stored = decodeRow(found.entry.value);
      if (stored === undefined) {
        this.#buryNonsense(found, key);
        continue;
      }
      const text = laneText(stored.envelope);
      const lane = typeof text === "string" ? text : await text;
      if (this.#held.reader !== this.#reader) return; // turned back meanwhile: it is read again
      const inFlight = flights.lane(name, lane);
      if (inFlight?.isTurnedBack === true) continue; // it is read again, behind what came back
      // What stands behind all that waits, and all of that is given, may be given too.
      const isNext = inFlight?.isWhole === true && !inFlight.hasFailed;
      if (blocked.has(lane) && !isNext) this.#units.push(() => this.#moving(found, lane));
      else this.#add({ stored, found, lane, key, isWaiting: false });
    }
  }

  #add(
    { stored, found, lane, key, isWaiting }: {
      readonly stored: StoredRow;
      readonly found: FoundRow;
    } & Pick<Flight, "lane" | "key" | "isWaiting">,
    opened?: Pick<OpenedLane, "ticket" | "isWhole">,
  ): void {
    const { pair, name } = this.#held;
    const { place, entry } = found;
    const { attempts, chunks, envelope: { id } } = stored;
    const bytes = entry.value as Uint8Array;
    const position = positionOf(pair, place);
    const where = { pairName: name, pair, lane, place, key, isWaiting };
    const flight: Flight = { ...where, bytes, attempts, chunks, id };
    this.#state.flights.add(position, flight, opened);
    this.#taken.push({ flight, position, stored });
  }

  /** A row whose lane may not be read from the queue goes where it waits. */
  #moving({ place, entry: { value } }: FoundRow, lane: string): Unit {
    const { database, flights } = this.#state;
    const { keys, clock } = database;
    const { pair, name, blocked } = this.#held;
    const block = blocked.get(lane);
    if (block === undefined) {
      this.#held.reader = undefined; // it may be read after all
      return [];
    }
    const inFlight = flights.lane(name, lane);
    if (inFlight !== undefined) inFlight.isWhole = false;
    const moving = [
      { key: keys.row(pair, place) },
      { key: keys.waitingRow(pair, lane, place), value },
    ];
    if (typeof block === "number" || place > block) return moving;
    // It stands before the dead letter at which the lane is parked.
    const ticket = ticketFor(lane, clock.now());
    blocked.set(lane, ticket.dueMs);
    this.#reader.addTicket(ticket);
    return [...moving, ...laneWaits(database, pair, ticket)];
  }

  #buryNonsense({ place, entry: { value } }: FoundRow, key: Write["key"]): void {
    const { keys, clock } = this.#state.database;
    this.#units.push(async () => [
      { key },
      { key: keys.body(place, NONSENSE), value },
      ...await buryingOf(keys, place, clock.now(), {
        ...this.#held.pair,
        lane: `#${place}`,
        id: place,
        attempts: 0,
        error: "Cannot read what is stored",
        isParking: false,
        row: null,
      }),
    ]);
  }

  /** Reads the bodies that have keys of their own. */
  async #complete(): Promise<OutboxRow[]> {
    const bodies = await Promise.all(this.#taken.map((taken) => this.#body(taken)));
    const rows: OutboxRow[] = [];
    for (const [n, { flight, position, stored }] of this.#taken.entries()) {
      const body = bodies[n];
      if (body === undefined) {
        this.#buryIncomplete(flight, position);
        continue;
      }
      const envelope = body === stored.envelope.body
        ? stored.envelope
        : { ...stored.envelope, body };
      rows.push({ position, lane: laneOf(envelope), attempts: flight.attempts, envelope });
    }
    return rows;
  }

  #body(
    { flight: { place, chunks }, stored }: Taken,
  ): Uint8Array | Promise<Uint8Array | undefined> {
    return chunks === 0 ? stored.envelope.body : readBody(this.#state.database, place, chunks);
  }

  #buryIncomplete({ place, key, id, lane, bytes, attempts }: Flight, position: string): void {
    const { database: { keys, clock }, flights } = this.#state;
    flights.settle(position);
    this.#units.push(async () => [
      { key },
      ...await buryingOf(keys, place, clock.now(), {
        ...this.#held.pair,
        ...{ lane, id, attempts, row: bytes },
        error: "Cannot find all of the body",
        isParking: false,
      }),
    ]);
  }

  async #write(): Promise<void> {
    if (this.#units.length === 0) return;
    await this.#state.turns.take(async () => {
      const units = await Promise.all(this.#units.map((make) => make()));
      await writeUnits(this.#state.fence, units);
    });
  }
}
