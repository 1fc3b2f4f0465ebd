import { PARTITIONS } from "../mod.ts";
import type { DenoKvEntry, DenoKvSelector } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { type Pair, pairNamed, pairOf, type Ticket } from "./keys.ts";
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
 * @param known Those of which that is known, by name. If there is one, a page will not hold all.
 * @param pageSize How much is found at once if there is nothing else, at most what a list gives of one point in time.
 */
export async function lookAround(
  database: KvDatabase,
  topics: readonly string[] | null,
  known: ReadonlyMap<string, Pair>,
  pageSize: number,
): Promise<Survey> {
  const little = known.size > 0 ? undefined : await lookAtAll(database, topics, pageSize);
  if (little !== undefined) return little;
  return { active: await activePairs(database, topics, known), findings: undefined };
}

/** One page of each topic; `undefined` if one does not hold all. */
async function lookAtAll(
  database: KvDatabase,
  topics: readonly string[] | null,
  pageSize: number,
): Promise<Survey | undefined> {
  const { keys, clock } = database;
  const all = [{ prefix: keys.queue }];
  const selectors = topics === null ? all : topics.map((topic) => keys.topic(topic));
  const pages = await Promise.all(selectors.map((selector) => database.list(selector, pageSize)));
  if (pages.some(({ length }) => length === pageSize)) return undefined;
  const nowMs = clock.now();
  const active = new Map<string, Pair>();
  const findings = new Map<
    string,
    { readonly tickets: Ticket[]; readonly entries: DenoKvEntry[] }
  >();
  for (const entry of pages.flat()) {
    const found = queueEntryOf(keys, entry);
    if (found === undefined) continue;
    if (found.type === "ticket" && found.ticket.dueMs > nowMs) continue;
    const { name } = found.pair;
    const { tickets, entries } = findings.get(name) ?? { tickets: [], entries: [] };
    findings.set(name, { tickets, entries });
    active.set(name, found.pair);
    if (found.type === "ticket") tickets.push(found.ticket);
    else entries.push(entry);
  }
  return { active, findings };
}

/** The partitions with something to read, by name, beside those that are known. */
export async function activePairs(
  database: KvDatabase,
  topics: readonly string[] | null,
  known: ReadonlyMap<string, Pair> = new Map(),
): Promise<Map<string, Pair>> {
  const active = new Map(known);
  for (const topic of topics ?? await storedTopics(database)) {
    const pairs = Array.from({ length: PARTITIONS }, (_, n) => pairOf(topic, n));
    const others = pairs.filter((pair) => !known.has(pair.name));
    const isActive = await Promise.all(others.map((pair) => hasSomething(database, pair)));
    for (const [n, pair] of others.entries()) {
      if (isActive[n]) active.set(pair.name, pair);
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
      : { prefix: keys.queue, start: keys.behindTopic(last) };
    const name = (await first(database, selector))?.key[keys.depth];
    if (typeof name !== "string") return topics;
    topics.push(pairNamed(name).topic);
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
