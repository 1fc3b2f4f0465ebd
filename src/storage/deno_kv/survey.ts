import { PARTITIONS } from "../mod.ts";
import type { DenoKvEntry, DenoKvSelector } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { nameOf, type Pair } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import type { Findings } from "./pair_reader.ts";
import { queueEntryOf } from "./queue_entry.ts";

/** What a look at the queue has found. */
export interface Survey {
  /** The partitions with something to read, by name. */
  readonly active: ReadonlyMap<string, Pair>;
  /** All that is in the queue, if it is little; by the names of partitions. */
  readonly findings: ReadonlyMap<string, Findings> | undefined;
}

/**
 * Looks for partitions with something to read.
 *
 * @param topics Those to look at, as they are in keys; `null` are all.
 * @param isLarge Whether there is so much that a page will not hold it.
 */
export async function lookAround(
  database: KvDatabase,
  topics: readonly string[] | null,
  isLarge: boolean,
): Promise<Survey> {
  const little = isLarge ? undefined : await lookAtAll(database, topics);
  if (little !== undefined) return little;
  return { active: await lookAtEach(database, topics), findings: undefined };
}

/** One page of each topic; `undefined` if one does not hold all. */
async function lookAtAll(
  database: KvDatabase,
  topics: readonly string[] | null,
): Promise<Survey | undefined> {
  const { keys, clock } = database;
  const prefixes = topics === null ? [keys.queue] : topics.map((topic) => keys.queueOf(topic));
  const pages = await Promise.all(prefixes.map((prefix) => database.list({ prefix }, LIST_PAGE)));
  if (pages.some(({ length }) => length === LIST_PAGE)) return undefined;
  const nowMs = clock.now();
  const active = new Map<string, Pair>();
  const findings = new Map<string, Findings>();
  for (const entry of pages.flat()) {
    const found = queueEntryOf(keys, entry);
    if (found === undefined) continue;
    if (found.type === "ticket" && found.ticket.dueMs > nowMs) continue;
    const name = nameOf(found.pair);
    active.set(name, found.pair);
    const { tickets, rows } = findings.get(name) ?? { tickets: [], rows: [] };
    if (found.type === "ticket") tickets.push(found.ticket);
    else rows.push({ place: found.place, entry: found.entry });
    findings.set(name, { tickets, rows });
  }
  return { active, findings };
}

/** The first entry of every partition. */
async function lookAtEach(
  database: KvDatabase,
  topics: readonly string[] | null,
): Promise<Map<string, Pair>> {
  const active = new Map<string, Pair>();
  for (const topic of topics ?? await storedTopics(database)) {
    const pairs = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
    const isActive = await Promise.all(pairs.map((pair) => hasSomething(database, pair)));
    for (const [n, pair] of pairs.entries()) {
      if (isActive[n]) active.set(nameOf(pair), pair);
    }
  }
  return active;
}

async function storedTopics(database: KvDatabase): Promise<string[]> {
  const { keys } = database;
  const topics: string[] = [];
  for (;;) {
    const last = topics.at(-1);
    const selector: DenoKvSelector = last === undefined
      ? { prefix: keys.queue }
      : { prefix: keys.queue, start: keys.queueOf(`${last}\0`) };
    const topic = (await first(database, selector))?.key[keys.depth];
    if (typeof topic !== "string") return topics;
    topics.push(topic);
  }
}

/** Whether the partition has a row, or a lane that is due. */
async function hasSomething(database: KvDatabase, pair: Pair): Promise<boolean> {
  const { keys, clock } = database;
  const entry = await first(database, { prefix: keys.partition(pair) });
  const found = entry && queueEntryOf(keys, entry);
  if (found === undefined) return entry !== undefined;
  return found.type === "row" || found.ticket.dueMs <= clock.now();
}

async function first(
  database: KvDatabase,
  selector: DenoKvSelector,
): Promise<DenoKvEntry | undefined> {
  const [entry] = await database.list(selector, 1);
  return entry;
}
