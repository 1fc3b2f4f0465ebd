import { LeaseLostError } from "../mod.ts";
import type { Bundle } from "./bundle.ts";
import type { Fence } from "./fence.ts";
import type { Flights, LaneInFlight } from "./flights.ts";
import type { KvDatabase } from "./kv_database.ts";
import type { Pair } from "./keys.ts";
import type { Block } from "./lane_record.ts";
import type { PairReader } from "./pair_reader.ts";
import type { Turns } from "./turns.ts";
import { addWrites, partsOf, type Unit } from "./writes.ts";

/** A partition that a session holds. */
export interface HeldPair {
  readonly name: string;
  readonly pair: Pair;
  /** The lanes whose rows may not be read from the queue. */
  readonly blocked: Map<string, Block>;
  /** Its bundles with rows in flight, by their places: what is in them is known here first. */
  readonly bundles: Map<string, Bundle>;
  /** Its lanes with rows in flight. */
  readonly inFlight: Map<string, LaneInFlight>;
  /** Reads it; none if it is to be read from the front. */
  reader: PairReader | undefined;
  /** Whether it is to be let go: nothing more is read of it. */
  isLeft: boolean;
}

/** What the parts of a session share. */
export interface SessionState {
  readonly database: KvDatabase;
  readonly flights: Flights;
  /** The partitions that the session holds, by name. */
  readonly held: Map<string, HeldPair>;
  /** What it writes, one after the other. */
  readonly turns: Turns;
  /** What everything that it writes depends on. */
  fence: Fence;
  /** Makes the fence of a relay that nobody has heard of. */
  readonly newFence: () => Fence;
  /** A version of the database from some time ago. */
  version: string;
}

/**
 * Writes units in their order, in as few parts as can be; the session's turn must have come.
 *
 * @throws {LeaseLostError} If it has been taken over, or has ended.
 */
export async function writeUnits(
  fence: Fence,
  units: readonly Unit[],
  { ends = false }: { readonly ends?: boolean } = {},
): Promise<void> {
  if (!fence.isRegistered) {
    if (units.length === 0) return;
    throw new LeaseLostError(); // what it writes now would depend on nothing
  }
  const parts = partsOf(units);
  for (const [n, part] of parts.entries()) {
    const isLast = n === parts.length - 1;
    if (isLast && !ends && part.length === 0 && !fence.isDue) return;
    await fence.commit((operation) => addWrites(operation, part), { ends: ends && isLast });
  }
}
