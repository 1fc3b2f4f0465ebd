import type { DenoKvEntry } from "./deno_kv.ts";
import type { Ticket } from "./keys.ts";
import { LIST_PAGE, MAX_GET_MANY } from "./limits.ts";
import { blockOf, laneParks, MARK } from "./lane_record.ts";
import { placeIn } from "./pair_reader.ts";
import { type HeldPair, type SessionState, writeUnits } from "./session_state.ts";
import type { Unit } from "./writes.ts";

/** A lane whose time has come. */
export interface OpenedLane {
  readonly ticket: Ticket;
  /** Its first rows, in their order; at least one. */
  readonly rows: readonly DenoKvEntry[];
  /** Whether it has no others that wait. */
  readonly isWhole: boolean;
}

/** What was found of a lane that is due. */
interface Look {
  readonly ticket: Ticket;
  readonly rows: readonly DenoKvEntry[];
  readonly isWhole: boolean;
  /** Whether a ticket that comes later has taken the place of this one. */
  readonly isLater: boolean;
  /** The place of the dead letter whose mark is the first thing in it. */
  readonly parkedAt: string | undefined;
}

/**
 * Looks at lanes that are due. Those without a row to give are closed: they are parked, or free again.
 *
 * @param maxRows How many rows of each are needed at the most.
 */
export async function openLanes(
  state: SessionState,
  held: HeldPair,
  tickets: readonly Ticket[],
  maxRows: number,
): Promise<OpenedLane[]> {
  const opened: OpenedLane[] = [];
  for (let n = 0; n < tickets.length; n += MAX_GET_MANY) {
    const looks = await lookAt(state, held, tickets.slice(n, n + MAX_GET_MANY), maxRows);
    const closed = looks.filter(({ rows, isLater }) => isLater || rows.length === 0);
    if (closed.length > 0) {
      await state.turns.take(() =>
        writeUnits(state.fence, closed.map((look) => closing(state, held, look)))
      );
    }
    for (const look of looks) {
      if (!closed.includes(look)) opened.push(look);
    }
  }
  return opened;
}

async function lookAt(
  { database }: SessionState,
  { pair }: HeldPair,
  tickets: readonly Ticket[],
  maxRows: number,
): Promise<Look[]> {
  const { kv, keys, clock } = database;
  const limit = Math.min(maxRows + 1, LIST_PAGE);
  const [records, ...lists] = await Promise.all([
    kv.getMany(tickets.map(({ lane }) => keys.lane(pair, lane))),
    ...tickets.map(({ lane }) => database.list({ prefix: keys.waiting(pair, lane) }, limit)),
  ]);
  const nowMs = clock.now();
  return tickets.map((ticket, n) => {
    const block = blockOf(records[n]?.value);
    const entries = lists[n] ?? [];
    const markAt = entries.findIndex(({ value }) => value === MARK);
    const [first] = entries;
    const rows = markAt === -1 ? entries : entries.slice(0, markAt);
    return {
      ticket,
      rows,
      isWhole: markAt === -1 && entries.length < limit,
      isLater: typeof block === "number" && block > nowMs,
      parkedAt: markAt === 0 && first !== undefined ? placeIn(first) : undefined,
    };
  });
}

function closing(
  { database }: SessionState,
  { pair, blocked }: HeldPair,
  { ticket, isLater, parkedAt }: Look,
): Unit {
  const { keys } = database;
  const used = { key: keys.ticket(pair, ticket) };
  if (isLater) return [used];
  if (parkedAt !== undefined) {
    blocked.set(ticket.lane, parkedAt);
    return [used, laneParks(database, pair, ticket.lane, parkedAt)];
  }
  blocked.delete(ticket.lane);
  return [used, { key: keys.lane(pair, ticket.lane) }];
}
