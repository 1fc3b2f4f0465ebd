import { purgeAgeMsOf, purgeLimitOf, type PurgeOptions } from "../mod.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import { changedAtMsOf } from "./inbox_entry.ts";
import type { InboxName } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { MAX_OWN_CHECKS } from "./limits.ts";
import { addWrites } from "./writes.ts";

/** What was changed last at a time, as far as an index tells. */
interface Aged {
  readonly atMs: number;
  readonly name: InboxName;
}

/** Deletes what an inbox knows and what was not changed for long. Resolves to how much that was. */
export async function purgeInbox(database: KvDatabase, options: PurgeOptions): Promise<number> {
  const { keys, clock } = database;
  const limit = purgeLimitOf(options);
  // What was changed in that very millisecond is old enough.
  const end = keys.inboxAgesFrom(clock.now() - purgeAgeMsOf(options) + 1);
  let count = 0;
  let part: Aged[] = [];
  for await (const entry of database.walk({ prefix: keys.inboxAges, end }, Infinity)) {
    const aged = agedOf(entry);
    if (aged === undefined) continue;
    part.push(aged);
    if (part.length < Math.min(MAX_OWN_CHECKS, limit - count)) continue;
    count += await purgeSome(database, part);
    part = [];
    if (count >= limit) return count;
  }
  return part.length === 0 ? count : count + await purgeSome(database, part);
}

/** Deletes what was not changed since; of what was, only what the index says of it. */
async function purgeSome(database: KvDatabase, part: readonly Aged[]): Promise<number> {
  const { kv, keys } = database;
  const all = part.map((aged) => ({ ...aged, key: keys.inboxEntry(aged.name) }));
  for (;;) {
    const entries = await kv.getMany(all.map(({ key }) => key));
    const operation = kv.atomic();
    let count = 0;
    for (const [n, { atMs, name, key }] of all.entries()) {
      const { value = null, versionstamp = null } = entries[n] ?? {};
      operation.check({ key, versionstamp });
      addWrites(operation, [{ key: keys.inboxAge(atMs, name) }]);
      if (changedAtMsOf(value) !== atMs) continue;
      operation.delete(key);
      count++;
    }
    if (await database.commit(operation) !== undefined) return count;
  }
}

function agedOf({ key }: Pick<DenoKvEntry, "key">): Aged | undefined {
  const [atMs, kind, scope, name] = key.slice(-4);
  const isRight = typeof atMs === "number" && (kind === "message" || kind === "claim") &&
    typeof scope === "string" && typeof name === "string";
  return isRight ? { atMs, name: { kind, scope, name } } : undefined;
}
