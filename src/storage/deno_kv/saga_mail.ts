import type { SagaSignal } from "../mod.ts";
import { keyText } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { MAX_GET_MANY } from "./limits.ts";
import { keptText, readText, type SagaText, textKeysOf } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** A signal as it is stored. */
interface StoredSignal extends Omit<SagaSignal, "at" | "data"> {
  readonly format: number;
  readonly data: SagaText | undefined;
  readonly atMs: number;
  /** Tells in which order they came. */
  readonly number: number;
}

const VERSION = 1;

/** What is written so that a signal stands in the mailbox of the saga with an id. */
export async function mailedSignal(
  database: KvDatabase,
  id: string,
  signal: Omit<SagaSignal, "at">,
  { number, atMs }: Pick<StoredSignal, "number" | "atMs">,
): Promise<Write[]> {
  const { data, name } = signal;
  const { kept, writes } = data === undefined
    ? { kept: undefined, writes: [] }
    : keptText(database, id, { kind: "mail", number }, data);
  const value: StoredSignal = { format: VERSION, id: signal.id, name, data: kept, atMs, number };
  return [{ key: database.keys.sagaSignal(id, await keyText(signal.id)), value }, ...writes];
}

/** Reads the mailbox of the saga with an id, the oldest signal first. */
export async function readMail(database: KvDatabase, id: string): Promise<readonly SagaSignal[]> {
  const found = await database.list({ prefix: database.keys.sagaMail(id) }, Infinity);
  const stored = found.flatMap(({ value }) => signalOf(value) ?? []);
  stored.sort((a, b) => a.number - b.number);
  const signals: SagaSignal[] = [];
  for (const { id: signalId, name, data: kept, atMs } of stored) {
    const data = kept === undefined ? kept : await readText(database, id, "mail", kept);
    if (kept !== undefined && data === undefined) continue; // it was taken in meanwhile
    signals.push({ id: signalId, name, data, at: new Date(atMs) });
  }
  return signals;
}

/** What is deleted so that signals, as far as they are there, leave the mailbox of the saga with an id. */
export async function takenSignals(
  database: KvDatabase,
  id: string,
  signalIds: readonly string[],
): Promise<{ readonly count: number; readonly writes: readonly Write[] }> {
  const { kv, keys } = database;
  const names = await Promise.all([...new Set(signalIds)].map(keyText));
  const all = names.map((name) => keys.sagaSignal(id, name));
  const writes: Write[] = [];
  let count = 0;
  for (let n = 0; n < all.length; n += MAX_GET_MANY) {
    for (const { key, value } of await kv.getMany(all.slice(n, n + MAX_GET_MANY))) {
      if (value === null) continue;
      count++;
      const text = textKeysOf(database, id, "mail", signalOf(value)?.data);
      writes.push({ key: key as Write["key"] }, ...text.map((each) => ({ key: each })));
    }
  }
  return { count, writes };
}

function signalOf(value: unknown): StoredSignal | undefined {
  return Object(value).format === VERSION ? value as StoredSignal : undefined;
}
