import type { Envelope } from "../../message/mod.ts";
import { laneOf, type OutboxRow } from "../mod.ts";
import { buryingOf, NONSENSE } from "./dead_row.ts";
import type { DenoKvEntry, DenoKvKey } from "./deno_kv.ts";
import type { Flight, Opening } from "./flights.ts";
import { type OpenedLane, openLanes } from "./lane_opener.ts";
import { laneWaits, ticketFor } from "./lane_record.ts";
import { laneText } from "./lane_text.ts";
import { PairReader, placeIn } from "./pair_reader.ts";
import { type HeldPair, type SessionState, writeUnits } from "./session_state.ts";
import { readBody } from "./stored_body.ts";
import { attemptsIn, chunksIn, envelopeIn } from "./stored_row.ts";
import type { Unit } from "./writes.ts";

/** Gives up to `maxRows` rows of a partition; fewer only if there are no more of it now. */
export async function takeRows(
  state: SessionState,
  held: HeldPair,
  maxRows: number,
): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  while (rows.length < maxRows) {
    const reader = held.reader ??= new PairReader(state.database, held.pair, state.version);
    await reader.fill((place) => state.flights.isKnown(place));
    if (held.reader !== reader) continue; // it was turned back
    if (reader.isExhausted) return rows;
    const more = await new RowTaker(state, held, reader).take(maxRows - rows.length);
    for (const row of more) rows.push(row);
  }
  return rows;
}

class RowTaker {
  readonly #state: SessionState;
  readonly #held: HeldPair;
  readonly #reader: PairReader;
  readonly #taken: Flight[] = [];
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
    const { inFlight } = this.#held;
    const tickets = this.#reader.takeTickets().filter(({ lane }, n, all) =>
      !inFlight.has(lane) && all.findIndex((other) => other.lane === lane) === n
    );
    for (const opened of await openLanes(this.#state, this.#held, tickets, maxRows)) {
      this.#takeLane(opened, maxRows - this.#taken.length);
    }
  }

  #takeLane({ ticket, rows, isWhole }: OpenedLane, maxRows: number): void {
    const { lane } = ticket;
    this.#held.blocked.set(lane, ticket.dueMs);
    const opening = { ticket, isWhole: isWhole && rows.length <= maxRows };
    for (const entry of rows.slice(0, maxRows)) {
      const envelope = envelopeIn(entry.value);
      if (envelope === undefined) this.#buryNonsense(entry);
      else this.#add(entry, lane, envelope, opening);
    }
  }

  async #takeQueued(maxRows: number): Promise<void> {
    const { blocked, inFlight } = this.#held;
    while (this.#taken.length < maxRows && this.#held.reader === this.#reader) {
      const entry = this.#reader.takeRow();
      if (entry === undefined) return;
      const envelope = envelopeIn(entry.value);
      if (envelope === undefined) {
        this.#buryNonsense(entry);
        continue;
      }
      const text = laneText(envelope);
      const lane = typeof text === "string" ? text : await text;
      if (this.#held.reader !== this.#reader) return; // turned back meanwhile: it is read again
      const inLane = inFlight.get(lane);
      // What stands behind all that waits, and all of that is given, may be given too.
      const isNext = inLane?.isWhole === true && !inLane.hasFailed;
      const isBlocked = !isNext && blocked.has(lane);
      if (inLane !== undefined && isBlocked) inLane.isTurnedBack = true;
      // It is read again, behind what came back or may come back.
      if (inLane?.isTurnedBack === true) continue;
      if (isBlocked) this.#units.push(() => this.#moving(entry, lane));
      else this.#add(entry, lane, envelope);
    }
  }

  /** Takes a row; one of a lane that had to wait if there is an opening. */
  #add({ key, value }: DenoKvEntry, lane: string, envelope: Envelope, opening?: Opening): void {
    const flight = this.#state.flights.add(this.#held, {
      lane,
      place: String(key.at(-1)),
      key: key as DenoKvKey,
      isWaiting: opening !== undefined,
      row: value as Uint8Array,
      envelope,
    }, opening);
    this.#taken.push(flight);
  }

  /** A row whose lane may not be read from the queue goes where it waits. */
  #moving(entry: DenoKvEntry, lane: string): Unit {
    const { database } = this.#state;
    const { pair, blocked } = this.#held;
    const place = placeIn(entry);
    const block = blocked.get(lane);
    if (block === undefined) {
      this.#held.reader = undefined; // it may be read after all
      return [];
    }
    const moving = [
      { key: entry.key as DenoKvKey },
      { key: database.keys.waitingRow(pair, lane, place), value: entry.value },
    ];
    if (typeof block === "number" || place > block) return moving;
    // It stands before the dead letter at which the lane is parked.
    const ticket = ticketFor(lane, database.clock.now());
    blocked.set(lane, ticket.dueMs);
    this.#reader.addTicket(ticket);
    return [...moving, ...laneWaits(database, pair, ticket)];
  }

  #buryNonsense(entry: DenoKvEntry): void {
    const { keys, clock } = this.#state.database;
    const place = placeIn(entry);
    this.#units.push(async () => [
      { key: entry.key as DenoKvKey },
      { key: keys.body(place, NONSENSE), value: entry.value },
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

  /** Makes of what was taken what is given: with the bodies that have keys of their own. */
  async #complete(): Promise<OutboxRow[]> {
    const bodies = await this.#readBodies();
    const rows: OutboxRow[] = [];
    for (const flight of this.#taken) {
      const { place, row, envelope } = flight;
      const body = bodies.has(flight) ? bodies.get(flight) : envelope.body;
      if (body === undefined) this.#buryIncomplete(flight);
      else {
        const whole = body === envelope.body ? envelope : { ...envelope, body };
        rows.push({
          position: place,
          lane: laneOf(whole),
          attempts: attemptsIn(row),
          envelope: whole,
        });
      }
    }
    return rows;
  }

  async #readBodies(): Promise<Map<Flight, Uint8Array | undefined>> {
    const bodies = new Map<Flight, Uint8Array | undefined>();
    const parted = this.#taken.filter(({ row }) => chunksIn(row) > 0);
    await Promise.all(parted.map(async (flight) => {
      const { place, row } = flight;
      bodies.set(flight, await readBody(this.#state.database, place, chunksIn(row)));
    }));
    return bodies;
  }

  #buryIncomplete({ place, key, lane, row, envelope: { id } }: Flight): void {
    const { database: { keys, clock }, flights } = this.#state;
    flights.settle(place);
    this.#units.push(async () => [
      { key },
      ...await buryingOf(keys, place, clock.now(), {
        ...this.#held.pair,
        lane,
        id,
        attempts: attemptsIn(row),
        error: "Cannot find all of the body",
        isParking: false,
        row,
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
