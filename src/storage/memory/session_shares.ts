import type { MemoryDatabase } from "./memory_database.ts";
import type { MemoryPartition } from "./memory_partition.ts";
import type { MemorySession } from "./memory_session.ts";

/** What a session is to do so that it has its share, and no more. */
export interface ShareChange {
  /** What it is to take: free, and with something to read. */
  readonly taken: readonly MemoryPartition[];
  /** What it is to let go, as soon as it has no row of it. */
  readonly left: readonly MemoryPartition[];
}

interface Group {
  readonly sessions: number;
  readonly partitions: MemoryPartition[];
}

/**
 * Shares partitions that have something to read or are held: evenly among all sessions that take
 * their topic. Topics that the same sessions take are shared together, so that many topics with one
 * lane each are spread as well; others apart, as those who wait for no topic of each other must not
 * count for each other.
 */
export function shareOf(
  session: MemorySession,
  database: MemoryDatabase,
  nowMs: number,
): ShareChange {
  const taken: MemoryPartition[] = [];
  const left: MemoryPartition[] = [];
  for (const { sessions, partitions } of groupsOf(session, database, nowMs)) {
    const share = Math.ceil(partitions.length / sessions);
    const held = partitions.filter(({ holder }) => holder === session);
    const free = partitions.filter(({ holder }) => holder === undefined);
    taken.push(...free.slice(0, Math.max(0, share - held.length)));
    // What it has no row of can go at once; of the rest the same ones are to go each time.
    held.sort((a, b) => Number(b.inFlight > 0) - Number(a.inFlight > 0));
    left.push(...held.slice(share));
  }
  return { taken, left };
}

function groupsOf(
  session: MemorySession,
  { topics, sessions }: MemoryDatabase,
  nowMs: number,
): Iterable<Group> {
  const all = [...sessions];
  const groups = new Map<string, Group>();
  for (const [topic, partitions] of topics) {
    if (!session.takes(topic)) continue;
    const takers = all.map((other) => other.takes(topic) ? "1" : "0");
    const name = takers.join("");
    const group = groups.get(name) ??
      { sessions: takers.filter((takes) => takes === "1").length, partitions: [] };
    groups.set(name, group);
    for (const partition of partitions) {
      const counts = partition.holder !== undefined || partition.next(nowMs) !== undefined;
      if (counts) group.partitions.push(partition);
    }
  }
  return groups.values();
}
