import type { NewSagaLogEntry, SagaLogEntry } from "../mod.ts";
import type { KvDatabase } from "./kv_database.ts";
import { shortened } from "./saga_entry.ts";
import { isSagaText, keptText, readText, type SagaText } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** An entry of a log as it is stored. */
interface StoredLogEntry extends Omit<SagaLogEntry, "at" | "result"> {
  readonly format: number;
  readonly result: SagaText | undefined;
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
  return entries.flatMap(({ number, action, step, status, attempt, part, result, error }) => {
    const key = database.keys.sagaLogEntry(id, number);
    const name = { kind: "log", number } as const;
    const { kept, writes } = result === undefined
      ? { kept: undefined, writes: [] }
      : keptText(database, id, name, result);
    const value: StoredLogEntry = {
      ...{ format: VERSION, number, action, step, status, attempt, part },
      ...{ result: kept, error: shortened(error), atMs },
    };
    return [{ key, value }, ...writes];
  });
}

/**
 * Reads the first `count` entries of the log of the saga with an id: what was written since the saga
 * was read is no part of what it was. `undefined` if they are not there, as it was deleted.
 */
export async function readLog(
  database: KvDatabase,
  id: string,
  count: number,
): Promise<readonly SagaLogEntry[] | undefined> {
  if (count === 0) return [];
  const log: SagaLogEntry[] = [];
  for (const { value } of await database.list({ prefix: database.keys.sagaLog(id) }, count)) {
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
  const stored = value as StoredLogEntry;
  if (Object(value).format !== VERSION) return undefined;
  const { format: _, atMs, result: kept, ...entry } = stored;
  const at = new Date(atMs);
  if (typeof kept !== "object" || !isSagaText(kept)) return { ...entry, result: kept, at };
  const result = await readText(database, id, "log", kept);
  return result === undefined ? undefined : { ...entry, result, at };
}
