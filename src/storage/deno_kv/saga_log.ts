import type { NewSagaLogEntry, SagaLogEntry } from "../mod.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { shortened } from "./saga_entry.ts";
import { keptText, readText, type SagaText } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** An entry of a log as it is stored. */
interface StoredLogEntry extends Omit<SagaLogEntry, "at" | "result"> {
  readonly format: number;
  readonly result?: SagaText | undefined;
  readonly atMs: number;
}

const VERSION = 1;

/** What is written so that entries stand in the log of the saga with an id. */
export function loggedEntries(
  database: KvDatabase,
  id: string,
  entries: readonly NewSagaLogEntry[],
  atMs: number,
): Write[] {
  return entries.flatMap((entry) => {
    const { number, result, error } = entry;
    const key = database.keys.sagaLogEntry(id, number);
    const stored = { format: VERSION, ...entry, atMs };
    const short = error === undefined ? stored : { ...stored, error: shortened(error) };
    if (result === undefined) return [{ key, value: short }];
    const { kept, writes } = keptText(database, id, { kind: "log", number }, result);
    const value: StoredLogEntry = { ...short, result: kept };
    return [{ key, value }, ...writes];
  });
}

/**
 * Reads the first `count` entries of the log of the saga with an id, as it was listed: what was written
 * since the saga was read is no part of what it was. `undefined` if they are not there, as the saga was
 * deleted meanwhile.
 */
export async function logOf(
  database: KvDatabase,
  id: string,
  listed: ReadonlyArray<Pick<DenoKvEntry, "value">>,
  count: number,
): Promise<readonly SagaLogEntry[] | undefined> {
  const log: SagaLogEntry[] = [];
  for (const { value } of listed.slice(0, count)) {
    const entry = await entryOf(database, id, value);
    if (entry === undefined) return undefined;
    log.push(entry);
  }
  return log.length === count ? log : undefined;
}

async function entryOf(
  database: KvDatabase,
  id: string,
  value: unknown,
): Promise<SagaLogEntry | undefined> {
  if (Object(value).format !== VERSION) return undefined;
  const { format: _, atMs, ...entry } = value as StoredLogEntry;
  const { result: kept, ...rest } = entry;
  const at = new Date(atMs);
  if (kept === undefined) return { ...rest, at };
  const result = await readText(database, id, "log", kept);
  return result === undefined ? undefined : { ...rest, result, at };
}
