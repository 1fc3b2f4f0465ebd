import { rowsIn } from "./bundle.ts";
import type { OutboxStatistics } from "../mod.ts";
import type { DenoKvKey } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { isKeyLane } from "./lane_text.ts";
import { blockOf, MARK } from "./lane_record.ts";
import { queueEntryOf } from "./queue_entry.ts";
import { isRow, storedAtMsIn } from "./stored_row.ts";
import { activePairs } from "./survey.ts";

/** Counts rows, and finds the oldest. */
class Tally {
  count = 0;
  oldestMs = Infinity;
  /** When there is nothing more to count. */
  readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get isFull(): boolean {
    return this.count >= this.max;
  }

  add(row: unknown): void {
    if (this.isFull) return;
    this.count++;
    this.#see(row);
  }

  /** Adds all of a bundle; one that makes no sense is one message. */
  addBundle(value: unknown): void {
    const rows = rowsIn(value, "");
    if (rows === undefined) this.add(value);
    else for (const { row } of rows) this.add(row);
  }

  /** Sees how old a bundle is, all of which was stored at the same time. */
  seeBundle(value: unknown): void {
    for (const { row } of rowsIn(value, "") ?? []) this.#see(row);
  }

  #see(row: unknown): void {
    if (isRow(row)) this.oldestMs = Math.min(this.oldestMs, storedAtMsIn(row));
  }
}

/** Tells what an outbox on Deno KV holds, counting up to `maxCount` of everything. */
export async function countAll(database: KvDatabase, maxCount: number): Promise<OutboxStatistics> {
  const [tally, keys, deadLetters] = await Promise.all([
    countRows(database, maxCount),
    countKeys(database, maxCount),
    countEntries(database, database.keys.dead, maxCount),
  ]);
  const { count: pending, oldestMs } = tally;
  const oldestAgeMs = oldestMs === Infinity ? undefined : database.clock.now() - oldestMs;
  return { pending, oldestAgeMs, ...keys, deadLetters };
}

async function countRows(database: KvDatabase, maxCount: number): Promise<Tally> {
  const { keys } = database;
  const tally = new Tally(maxCount);
  for await (const { value } of database.walk({ prefix: keys.wait }, Infinity)) {
    if (tally.isFull) break;
    if (value !== MARK) tally.add(value);
  }
  for await (const entry of database.walk({ prefix: keys.queue }, Infinity)) {
    if (tally.isFull) {
      await seeFronts(database, tally);
      break;
    }
    if (queueEntryOf(keys, entry)?.type === "row") tally.addBundle(entry.value);
  }
  return tally;
}

/** Looks at the first rows of all partitions, as those that were counted may not be the oldest. */
async function seeFronts(database: KvDatabase, tally: Tally): Promise<void> {
  const active = await activePairs(database, null);
  await Promise.all([...active.values()].map(async (pair) => {
    const prefix = database.keys.partition(pair);
    for (const { value } of await database.list({ prefix }, 1)) tally.seeBundle(value);
  }));
}

async function countKeys(
  database: KvDatabase,
  maxCount: number,
): Promise<Pick<OutboxStatistics, "waitingKeys" | "parkedKeys">> {
  const nowMs = database.clock.now();
  let waitingKeys = 0;
  let parkedKeys = 0;
  for await (const { key, value } of database.walk({ prefix: database.keys.lanes }, Infinity)) {
    if (waitingKeys + parkedKeys >= maxCount) break;
    if (!isKeyLane(key.at(-1))) continue;
    const block = blockOf(value);
    if (typeof block === "string") parkedKeys++;
    else if (block > nowMs) waitingKeys++;
  }
  return { waitingKeys, parkedKeys };
}

async function countEntries(
  database: KvDatabase,
  prefix: DenoKvKey,
  maxCount: number,
): Promise<number> {
  let count = 0;
  for await (const _ of database.walk({ prefix }, maxCount)) count++;
  return count;
}
