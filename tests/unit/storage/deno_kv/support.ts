/**
 * What the tests of the storage on Deno KV share: a database in memory that counts, a clock that a
 * test moves, and messages.
 *
 * @module
 */

import type { Envelope } from "@sluice/cqrs";
import { ManualClock } from "@sluice/cqrs/testing";
import type { Clock } from "../../../../src/clock.ts";
import { systemClock } from "../../../../src/clock.ts";
import type {
  DenoKv,
  DenoKvAtomic,
  DenoKvKey,
  DenoKvSelector,
} from "../../../../src/storage/deno_kv/deno_kv.ts";
import { denoKvStorage } from "../../../../src/storage/deno_kv/mod.ts";
import type { DenoKvStorageOptions } from "../../../../src/storage/deno_kv/deno_kv_storage.ts";
import { KvDatabase } from "../../../../src/storage/deno_kv/kv_database.ts";
import { Keys } from "../../../../src/storage/deno_kv/keys.ts";
import type {
  NewSaga,
  NewSagaLogEntry,
  OutboxOutcome,
  OutboxRow,
  OutboxSession,
} from "../../../../src/storage/mod.ts";

/** What was asked of a database. */
export interface Calls {
  gets: number;
  /** The keys or prefixes that were listed. */
  lists: DenoKvKey[];
  commits: Commit[];
}

/** An atomic operation that was committed. */
export interface Commit {
  checks: number;
  sets: DenoKvKey[];
  deletes: DenoKvKey[];
}

/** A database in memory, and what was asked of it. */
export interface CountingKv extends Disposable {
  readonly kv: DenoKv;
  readonly raw: Deno.Kv;
  readonly calls: Calls;
  /** Forgets what was asked so far. */
  reset(): void;
  /** Is called before each commit; what it gives or throws takes the place of the commit. */
  onCommit: (commit: Commit, go: () => ReturnType<DenoKvAtomic["commit"]>) => ReturnType<
    DenoKvAtomic["commit"]
  >;
}

/** Opens a database in memory that counts what is asked of it. */
export async function countingKv(): Promise<CountingKv> {
  const raw = await Deno.openKv(":memory:");
  const calls: Calls = { gets: 0, lists: [], commits: [] };
  const counting: CountingKv = {
    raw,
    calls,
    kv: {
      get(key) {
        calls.gets++;
        return raw.get(key);
      },
      getMany(keys) {
        calls.gets++;
        return raw.getMany(keys);
      },
      list(selector: DenoKvSelector, options) {
        calls.lists.push("prefix" in selector ? selector.prefix : selector.start);
        return raw.list(selector, options);
      },
      atomic: () => countingAtomic(raw, counting),
      watch: (keys) => raw.watch([...keys]),
    },
    reset() {
      calls.gets = 0;
      calls.lists = [];
      calls.commits = [];
    },
    onCommit: (_, go) => go(),
    [Symbol.dispose]: () => raw.close(),
  };
  return counting;
}

function countingAtomic(raw: Deno.Kv, counting: CountingKv): DenoKvAtomic {
  const operation = raw.atomic();
  const commit: Commit = { checks: 0, sets: [], deletes: [] };
  const atomic: DenoKvAtomic = {
    check(check) {
      commit.checks++;
      operation.check(check);
      return atomic;
    },
    set(key, value, options) {
      commit.sets.push(key);
      operation.set(key, value, options);
      return atomic;
    },
    delete(key) {
      commit.deletes.push(key);
      operation.delete(key);
      return atomic;
    },
    sum(key, n) {
      operation.sum(key, n);
      return atomic;
    },
    min(key, n) {
      operation.min(key, n);
      return atomic;
    },
    max(key, n) {
      operation.max(key, n);
      return atomic;
    },
    async commit() {
      counting.calls.commits.push(commit);
      return await counting.onCommit(commit, () => operation.commit());
    },
  };
  return atomic;
}

/** A clock that a test moves; what waits for the database itself waits for real. */
export function steppedClock(): Clock & { advance(durationMs: number): Promise<void> } {
  const manual = new ManualClock(1_800_000_000_000);
  return {
    now: () => manual.now(),
    setTimer: (callback, delayMs) => systemClock.setTimer(callback, delayMs),
    advance: (durationMs) => manual.advance(durationMs),
  };
}

/** The prefix of what the tests store. */
export const PREFIX: DenoKvKey = ["sluice"];

/** The keys of what the tests store. */
export const KEYS: Keys = new Keys(PREFIX);

/** A database as the parts of a storage have it. */
export function databaseOf(kv: DenoKv, clock: Clock): KvDatabase {
  return new KvDatabase(kv, KEYS, clock);
}

/** A storage on a database in memory, with a clock that the test moves. */
export async function openStorage(options: DenoKvStorageOptions = {}) {
  const counting = await countingKv();
  const clock = steppedClock();
  return {
    ...counting,
    counting,
    clock,
    storage: denoKvStorage(counting.kv, { clock, ...options }),
    /** The same database, as another process sees it. */
    other: (more: DenoKvStorageOptions = {}) => denoKvStorage(counting.kv, { clock, ...more }),
    [Symbol.dispose]: () => counting[Symbol.dispose](),
  };
}

/**
 * A message with an id. Its key is what stands before the first digit; "-" is none.
 */
export function messageOf(id: string, more: Partial<Envelope> = {}): Envelope {
  const key = id.replace(/\d.*$/, "");
  return {
    id,
    type: "noted",
    topic: "notes",
    source: "/tests",
    time: new Date(0),
    key: key === "-" ? undefined : key,
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: undefined,
    correlationId: id,
    contentType: "text/plain",
    headers: {},
    body: new TextEncoder().encode(id),
    ...more,
  };
}

/** Messages with the ids that are in a text. */
export function messagesOf(ids: string, more: Partial<Envelope> = {}): Envelope[] {
  return ids.split(" ").map((id) => messageOf(id, more));
}

/** The ids of rows. */
export function idsOf(rows: ReadonlyArray<Pick<OutboxRow, "envelope">>): string[] {
  return rows.map(({ envelope }) => envelope.id);
}

/** The outcome of a row that was published. */
export function published(row: OutboxRow): OutboxOutcome {
  return { row, outcome: "published" };
}

/** Reads until there is nothing more. */
export async function readAll(session: OutboxSession, maxRows = 100): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  for (;;) {
    const more = await session.read(maxRows);
    if (more.length === 0) return rows;
    rows.push(...more);
  }
}

/** A saga that is to be started. */
export function sagaOf(id: string, more: Partial<NewSaga> = {}): NewSaga {
  return {
    id,
    name: "order",
    version: 1,
    status: "running",
    context: "{}",
    metadata: "{}",
    entries: [logged(1)],
    ...more,
  };
}

/** An entry of a log. */
export function logged(number: number, more: Partial<NewSagaLogEntry> = {}): NewSagaLogEntry {
  return { number, action: "act", step: "pay", status: "completed", attempt: 1, ...more };
}

/** Text of so many characters, as JSON. */
export function jsonOf(length: number, character = "x"): string {
  return JSON.stringify(character.repeat(length - 2));
}

/** All keys that begin with a kind, as what comes behind it. */
export async function found(kv: Deno.Kv, kind: string): Promise<Deno.KvEntry<unknown>[]> {
  return await Array.fromAsync(kv.list({ prefix: [...PREFIX, kind] }));
}
