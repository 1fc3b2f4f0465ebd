import {
  type NewSagaLogEntry,
  type SagaLogEntry,
  type SagaLogRow,
  sagaLogRows,
  sagaStepStart,
} from "../mod.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { type SagaEntry, shortened } from "./saga_entry.ts";
import { keptText, readText, type SagaText } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** An entry of a log as it is stored, and the start of a step that follows it. */
interface StoredLogRow extends Omit<SagaLogRow, "result" | "error"> {
  readonly format: number;
  result?: SagaText | undefined;
  error?: string | undefined;
  readonly atMs: number;
}

/** A log as it was listed. */
interface ListedLog {
  /** The id of its saga as it is in keys. */
  readonly id: string;
  readonly saga: Pick<SagaEntry, "first" | "logged" | "createdAtMs">;
  readonly log: ReadonlyArray<Pick<DenoKvEntry, "value">>;
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
  for (const row of sagaLogRows(entries)) {
    const { number, result, error } = row;
    const value: StoredLogRow = { ...row, result: undefined, format: VERSION, atMs };
    all.push({ key: database.keys.sagaLogEntry(id, number), value });
    if (error !== undefined) value.error = shortened(error);
    if (result === undefined) continue;
    const { kept, writes } = keptText(database, id, { kind: "log", number }, result);
    value.result = kept;
    all.push(...writes);
  }
  return all;
}

/** The number of the last entry of a log. */
export function lastNumberOf({ saga, log }: Omit<ListedLog, "id">): number {
  const last = rowOf(log.at(-1)?.value);
  if (last !== undefined) return last.next === undefined ? last.number : last.number + 1;
  return saga.first === undefined ? 0 : 1;
}

/**
 * Reads the entries that a log had when its saga was read, as it was listed: what was written since then
 * is no part of that. `undefined` if they are not there, as the saga was deleted meanwhile.
 */
export async function logOf(
  database: KvDatabase,
  { id, saga: { first, logged, createdAtMs }, log: listed }: ListedLog,
): Promise<readonly SagaLogEntry[] | undefined> {
  const log: SagaLogEntry[] = [];
  if (first !== undefined) log.push(sagaStepStart(1, "act", first, new Date(createdAtMs)));
  for (const { value } of listed) {
    if (log.length >= logged) break;
    const row = rowOf(value);
    const entry = row && await entryOf(database, id, row);
    if (row === undefined || entry === undefined) return undefined;
    log.push(entry);
    if (row.next !== undefined) {
      log.push(sagaStepStart(row.number + 1, row.action, row.next, entry.at));
    }
  }
  return log.length === logged ? log : undefined;
}

function rowOf(value: unknown): StoredLogRow | undefined {
  return Object(value).format === VERSION ? value as StoredLogRow : undefined;
}

async function entryOf(
  database: KvDatabase,
  id: string,
  { format: _, atMs, next: __, result: kept, ...rest }: StoredLogRow,
): Promise<SagaLogEntry | undefined> {
  const at = new Date(atMs);
  if (kept === undefined) return { ...rest, at };
  const result = await readText(database, id, "log", kept);
  return result === undefined ? undefined : { ...rest, result, at };
}
