import type { NewSagaLogEntry, SagaLogEntry } from "../mod.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { shortened } from "./saga_entry.ts";
import { keptText, readText, type SagaText } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** An entry of a log as it is stored. */
interface StoredLogEntry extends Omit<SagaLogEntry, "at" | "result" | "error"> {
  readonly format: number;
  result?: SagaText | undefined;
  error?: string | undefined;
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
  const all: Write[] = [];
  for (const entry of entries) {
    const { number, result, error } = entry;
    const value: StoredLogEntry = { ...entry, format: VERSION, atMs };
    all.push({ key: database.keys.sagaLogEntry(id, number), value });
    if (error !== undefined) value.error = shortened(error);
    if (result === undefined) continue;
    const { kept, writes } = keptText(database, id, { kind: "log", number }, result);
    value.result = kept;
    all.push(...writes);
  }
  return all;
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
