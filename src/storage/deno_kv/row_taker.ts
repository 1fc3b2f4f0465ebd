import { laneOf, type OutboxRow } from "../mod.ts";
import { type Bundle, BundleUnits } from "./bundle.ts";
import { buryingOf, NONSENSE } from "./dead_row.ts";
import type { DenoKvKey } from "./deno_kv.ts";
import { type Flight, laneFor } from "./flights.ts";
import { type OpenedLane, openLanes } from "./lane_opener.ts";
import { laneWaits, ticketFor } from "./lane_record.ts";
import { laneText } from "./lane_text.ts";
import { PairReader, placeIn, type QueuedRow } from "./pair_reader.ts";
import { type HeldPair, type SessionState, writeUnits } from "./session_state.ts";
import { readBody } from "./stored_body.ts";
import { attemptsIn, chunksIn, envelopeIn } from "./stored_row.ts";
import type { Write } from "./writes.ts";

/** Gives up to `maxRows` rows of a partition; fewer only if there are no more of it now. */
export async function takeRows(
  state: SessionState,
  held: HeldPair,
  maxRows: number,
): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  while (rows.length < maxRows) {
    const reader = held.reader ??= new PairReader(state, held);
    await reader.fill();
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
  readonly #tasks: ((units: BundleUnits) => void | Promise<void>)[] = [];

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
      const [place, row] = [placeIn(entry), entry.value as Uint8Array];
      const envelope = envelopeIn(row);
      const key = entry.key as DenoKvKey;
      if (envelope === undefined) this.#buryNonsense(undefined, place, row, [{ key }]);
      else {
        const inLane = laneFor(this.#held, lane, opening);
        this.#add({ held: this.#held, lane, inLane, place, bundle: undefined, row, envelope });
      }
    }
  }

  async #takeQueued(maxRows: number): Promise<void> {
    const { blocked, inFlight } = this.#held;
    while (this.#taken.length < maxRows && this.#held.reader === this.#reader) {
      const queued = this.#reader.takeRow();
      if (queued === undefined) return;
      const { place, row, bundle } = queued;
      const envelope = row && envelopeIn(row);
      if (row === undefined || envelope === undefined) {
        this.#buryQueued(queued);
        continue;
      }
      const text = laneText(envelope);
      const lane = typeof text === "string" ? text : await text;
      if (this.#held.reader !== this.#reader) return; // turned back meanwhile: it is read again
      const before = inFlight.get(lane);
      // What stands behind all that waits, and all of that is given, may be given too.
      const isBlocked = before?.isWhole !== true && blocked.has(lane);
      if (before !== undefined && isBlocked) before.isTurnedBack = true;
      // It is read again, behind what came back or may come back.
      if (before?.isTurnedBack === true) continue;
      if (isBlocked) this.#tasks.push((units) => this.#move(units, queued, row, lane));
      else {
        const inLane = before ?? laneFor(this.#held, lane);
        this.#add({ held: this.#held, lane, inLane, place, bundle, row, envelope });
      }
    }
  }

  #add(flight: Flight): void {
    this.#state.flights.add(flight);
    this.#taken.push(flight);
  }

  /** A row whose lane may not be read from the queue goes where it waits. */
  #move(units: BundleUnits, { place, bundle }: QueuedRow, row: Uint8Array, lane: string): void {
    const { database } = this.#state;
    const { pair, blocked } = this.#held;
    const block = blocked.get(lane);
    if (block === undefined) {
      this.#held.reader = undefined; // it may be read after all
      return;
    }
    const writes: Write[] = [
      { key: database.keys.waitingRow(pair, lane, place), value: new Uint8Array(row) },
    ];
    if (typeof block === "string" && place < block) {
      // It stands before the dead letter at which the lane is parked.
      const ticket = ticketFor(lane, database.clock.now());
      blocked.set(lane, ticket.dueMs);
      this.#reader.addTicket(ticket);
      writes.push(...laneWaits(database, pair, ticket));
    }
    units.takeOut(bundle, place, writes);
  }

  /** What makes no sense in the queue: a row, or a whole bundle. */
  #buryQueued({ place, row, bundle }: QueuedRow): void {
    if (row !== undefined) this.#buryNonsense(bundle, place, new Uint8Array(row), []);
    else this.#buryNonsense(undefined, place, bundle.nonsense?.value, [{ key: bundle.key }]);
  }

  #buryNonsense(
    bundle: Bundle | undefined,
    place: string,
    value: unknown,
    removal: readonly Write[],
  ): void {
    const { keys, clock } = this.#state.database;
    this.#tasks.push(async (units) => {
      const burying = await buryingOf(keys, place, clock.now(), {
        ...this.#held.pair,
        lane: `#${place}`,
        id: place,
        attempts: 0,
        error: "Cannot read what is stored",
        isParking: false,
        row: null,
      });
      const kept = { key: keys.body(place, NONSENSE), value };
      units.takeOut(bundle, place, [...removal, kept, ...burying]);
    });
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

  #buryIncomplete({ held, place, lane, bundle, row, envelope: { id } }: Flight): void {
    const { database: { keys, clock }, flights } = this.#state;
    flights.settle(place);
    this.#tasks.push(async (units) => {
      const burying = await buryingOf(keys, place, clock.now(), {
        ...held.pair,
        lane,
        id,
        attempts: attemptsIn(row),
        error: "Cannot find all of the body",
        isParking: false,
        row,
      });
      const waiting = { key: keys.waitingRow(held.pair, lane, place) };
      units.takeOut(bundle, place, bundle === undefined ? [waiting, ...burying] : burying);
    });
  }

  async #write(): Promise<void> {
    if (this.#tasks.length === 0) return;
    await this.#state.turns.take(async () => {
      const units = new BundleUnits();
      for (const task of this.#tasks) await task(units);
      await writeUnits(this.#state.fence, units.units());
      units.apply();
    });
  }
}
