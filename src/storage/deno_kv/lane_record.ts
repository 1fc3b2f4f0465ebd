import type { KvDatabase } from "./kv_database.ts";
import type { Pair, Ticket } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import type { Write } from "./writes.ts";

/**
 * Why the rows of a lane may not be read from the queue: it waits until a time, or is parked at the
 * place of a dead letter.
 */
export type Block = number | string;

/**
 * What is stored of such a lane. Only the relay that holds the lane deletes it. Others that make it go
 * on set it, and leave a ticket; so nobody has to care for what others do to it at the same time.
 */
export interface LaneRecord {
  readonly block: Block;
}

/** Reads a lane; one that makes no sense is to be looked at. */
export function blockOf(value: unknown): Block {
  const { block } = Object(value);
  return typeof block === "number" || typeof block === "string" ? block : -Infinity;
}

/** Lets a lane be looked at, not before a time. */
export function ticketFor(lane: string, dueMs: number): Ticket {
  return { dueMs, lane, id: crypto.randomUUID() };
}

/** Lets a lane wait until a time, with a ticket. */
export function laneWaits({ keys }: KvDatabase, pair: Pair, ticket: Ticket): Write[] {
  const record: LaneRecord = { block: ticket.dueMs };
  return [
    { key: keys.lane(pair, ticket.lane), value: record },
    { key: keys.ticket(pair, ticket), value: 0 },
  ];
}

/** Parks a lane at the place of a dead letter. */
export function laneParks({ keys }: KvDatabase, pair: Pair, lane: string, place: string): Write {
  const record: LaneRecord = { block: place };
  return { key: keys.lane(pair, lane), value: record };
}

/** The lanes of partitions whose rows may not be read from the queue, in the order of the partitions. */
export async function blockedLanes(
  database: KvDatabase,
  pairs: readonly Pair[],
): Promise<Map<string, Block>[]> {
  const all = await database.list({ prefix: database.keys.lanes }, LIST_PAGE);
  return await Promise.all(pairs.map(async (pair) => {
    const prefix = database.keys.lanesOf(pair);
    const entries = all.length < LIST_PAGE ? all : await database.list({ prefix }, Infinity);
    const lanes = new Map<string, Block>();
    for (const { key, value } of entries) {
      const [name, lane] = key.slice(database.keys.depth);
      if (name === pair.name && typeof lane === "string") lanes.set(lane, blockOf(value));
    }
    return lanes;
  }));
}

/** What keeps the place of a dead letter in its lane, so that nothing passes it. */
export const MARK = true;
