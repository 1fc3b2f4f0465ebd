import {
  hasSagaEnded,
  type ListedSaga,
  maxCountOf,
  type NewSaga,
  type NewSagaLogEntry,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
  sagaBackoffMs,
  type SagaChange,
  sagaClaimNumbersOf,
  type SagaClaimOptions,
  type SagaFilter,
  type SagaHold,
  type SagaLease,
  sagaLeaseMsOf,
  sagaListNumbersOf,
  type SagaRecord,
  type SagaSignal,
  type SagaSnapshot,
  type SagaStatistics,
  type SagaStore,
} from "../mod.ts";
import type { MemoryDatabase } from "./memory_database.ts";
import { finalForm } from "./memory_outbox.ts";

/** A saga as it is kept. */
export interface StoredSaga {
  readonly position: number;
  readonly createdAtMs: number;
  readonly log: StoredEntry[];
  mailbox: readonly SagaSignal[];
  /** Without what depends on the time. */
  readonly data: SagaData;
  updatedAtMs: number;
  /** When the lease ends; 0 if nobody has it. */
  untilMs: number;
  /** When it can go on. */
  resumeAtMs: number;
  /** When it can be claimed as one that is due, save for what the two above say. */
  notBeforeMs: number;
}

/** Each takes its form when it is read, which few are. */
interface StoredEntry {
  readonly entry: NewSagaLogEntry;
  readonly atMs: number;
}

type TimeDependent = "leaseLeftMs" | "resumeInMs" | "signals" | "createdAt" | "updatedAt";

type SagaData = { -readonly [P in Exclude<keyof SagaRecord, TimeDependent>]: SagaRecord[P] };

/** The sagas of a storage in memory. */
export class MemorySagas implements SagaStore {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async create(saga: NewSaga, lease: SagaLease): Promise<boolean> {
    const leaseMs = sagaLeaseMsOf(lease);
    const { sagas, clock } = this.#database;
    if (sagas.has(saga.id)) return false;
    const { entries, id, name, version, context, metadata, status } = saga;
    const nowMs = clock.now();
    sagas.set(id, {
      position: this.#database.nextPosition(),
      createdAtMs: nowMs,
      log: entries.map((entry) => ({ entry: { ...entry }, atMs: nowMs })),
      mailbox: [],
      data: {
        id,
        name,
        version,
        status,
        context,
        metadata,
        revision: 1,
        attempts: 0,
        error: undefined,
        parkedReason: undefined,
        owner: lease.owner,
      },
      updatedAtMs: nowMs,
      untilMs: nowMs + leaseMs,
      resumeAtMs: 0,
      notBeforeMs: 0,
    });
    return true;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async load(id: string): Promise<SagaSnapshot | undefined> {
    const saga = this.#database.sagas.get(id);
    return saga && this.#snapshotOf(saga);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async claim(id: string, lease: SagaLease): Promise<SagaSnapshot | undefined> {
    const leaseMs = sagaLeaseMsOf(lease);
    const saga = this.#database.sagas.get(id);
    const nowMs = this.#database.clock.now();
    if (saga === undefined || saga.untilMs > nowMs) return undefined;
    this.#claim(saga, lease.owner, nowMs + leaseMs);
    return this.#snapshotOf(saga);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async claimDue(options: SagaClaimOptions): Promise<readonly SagaSnapshot[]> {
    const numbers = sagaClaimNumbersOf(options);
    const { leaseMs, limit, idleMs } = numbers;
    const { names, owner } = options;
    const nowMs = this.#database.clock.now();
    const due = [...this.#database.sagas.values()]
      .filter((saga) => dueAtMsOf(saga) <= nowMs && saga.updatedAtMs <= nowMs - idleMs)
      .filter(({ data }) => names.includes(data.name))
      .sort((a, b) => dueAtMsOf(a) - dueAtMsOf(b) || a.position - b.position)
      .slice(0, limit);
    for (const saga of due) {
      this.#claim(saga, owner, nowMs + leaseMs);
      saga.notBeforeMs = saga.untilMs + sagaBackoffMs(saga.data.attempts, numbers);
    }
    return due.map((saga) => this.#snapshotOf(saga));
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async checkpoint(
    id: string,
    revision: number,
    change: SagaChange,
  ): Promise<SagaHold | undefined> {
    const database = this.#database;
    const saga = database.sagas.get(id);
    if (saga === undefined || saga.data.revision !== revision) return undefined;
    const nowMs = database.clock.now();
    const { leaseMs, resumeInMs = 0, entries, messages, consumed } = change;
    const envelopes = messages?.map(finalForm) ?? []; // before anything is written, as it can throw
    apply(saga.data, change);
    saga.updatedAtMs = nowMs;
    saga.untilMs = leaseMs > 0 ? nowMs + leaseMs : 0;
    saga.resumeAtMs = nowMs + resumeInMs;
    if (change.hasProgressed === true) saga.notBeforeMs = 0;
    for (const entry of entries ?? []) saga.log.push({ entry: { ...entry }, atMs: nowMs });
    if (consumed !== undefined && consumed.length > 0) {
      saga.mailbox = saga.mailbox.filter((signal) => !consumed.includes(signal.id));
    }
    if (envelopes.length > 0) {
      database.insert(
        envelopes.map((envelope) => ({ position: database.nextPosition(), envelope })),
      );
    }
    return holdOf(saga);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async keep(
    holds: ReadonlyArray<{ readonly id: string; readonly revision: number }>,
    leaseMs: number,
  ): Promise<ReadonlyArray<SagaHold | undefined>> {
    const { sagas, clock } = this.#database;
    return holds.map(({ id, revision }) => {
      const saga = sagas.get(id);
      if (saga === undefined || saga.data.revision !== revision) return undefined;
      saga.untilMs = clock.now() + leaseMs;
      return holdOf(saga);
    });
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async signal(
    id: string,
    signal: Omit<SagaSignal, "at">,
  ): Promise<"stored" | "late" | undefined> {
    const saga = this.#database.sagas.get(id);
    if (saga === undefined) return undefined;
    if (hasSagaEnded(saga.data)) {
      this.#database.lateSignals++;
      return "late";
    }
    const nowMs = this.#database.clock.now();
    if (!saga.mailbox.some((known) => known.id === signal.id)) {
      saga.mailbox = [...saga.mailbox, { ...signal, at: new Date(nowMs) }];
    }
    if (saga.data.status === "waiting") saga.resumeAtMs = nowMs;
    return "stored";
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async signals(id: string): Promise<readonly SagaSignal[]> {
    return this.#database.sagas.get(id)?.mailbox ?? [];
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async list(filter: SagaFilter = {}): Promise<readonly ListedSaga[]> {
    const { limit, minAgeMs } = sagaListNumbersOf(filter);
    const { name, status, isParked, after } = filter;
    const latestMs = this.#database.clock.now() - minAgeMs;
    const found: ListedSaga[] = [];
    for (const saga of this.#database.sagas.values()) {
      const { data, position, createdAtMs } = saga;
      if (found.length === limit) break;
      if (createdAtMs > latestMs || position <= Number(after ?? 0)) continue;
      if (name !== undefined && data.name !== name) continue;
      if (status !== undefined && ![status].flat().includes(data.status)) continue;
      if (isParked !== undefined && (data.parkedReason !== undefined) !== isParked) continue;
      found.push({ ...this.#recordOf(saga), position: String(position) });
    }
    return found;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async statistics(options: { readonly maxCount?: number } = {}): Promise<SagaStatistics> {
    const maxCount = maxCountOf(options);
    const { sagas, lateSignals, clock } = this.#database;
    const counts = { running: 0, waiting: 0, compensating: 0, failed: 0, parked: 0 };
    let firstDueMs = Infinity;
    for (const saga of sagas.values()) {
      const { status, parkedReason } = saga.data;
      const state = parkedReason === undefined ? status : "parked";
      if (state !== "completed" && state !== "compensated") {
        counts[state] = Math.min(maxCount, counts[state] + 1);
      }
      firstDueMs = Math.min(firstDueMs, dueAtMsOf(saga));
    }
    const oldestDueMs = clock.now() - firstDueMs;
    return { ...counts, lateSignals, oldestDueMs: oldestDueMs >= 0 ? oldestDueMs : undefined };
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async purge(options: PurgeOptions): Promise<number> {
    const limit = purgeLimitOf(options);
    const { sagas, clock } = this.#database;
    const latestMs = clock.now() - purgeAgeMsOf(options);
    const old = [...sagas.values()]
      .filter(({ data: { status } }) => status === "completed" || status === "compensated")
      .filter(({ updatedAtMs }) => updatedAtMs <= latestMs)
      .sort((a, b) => a.updatedAtMs - b.updatedAtMs).slice(0, limit);
    for (const { data } of old) sagas.delete(data.id);
    return old.length;
  }

  #claim(saga: StoredSaga, owner: string, untilMs: number): void {
    saga.data.owner = owner;
    saga.data.revision++;
    saga.data.attempts++;
    saga.untilMs = untilMs;
  }

  #snapshotOf(saga: StoredSaga): SagaSnapshot {
    const log = saga.log.map(({ entry, atMs }) => ({ ...entry, at: new Date(atMs) }));
    return { record: this.#recordOf(saga), log };
  }

  #recordOf({ data, mailbox, createdAtMs, updatedAtMs, untilMs, resumeAtMs }: StoredSaga) {
    const nowMs = this.#database.clock.now();
    const leaseLeftMs = Math.max(0, untilMs - nowMs);
    return {
      ...data,
      owner: leaseLeftMs === 0 ? undefined : data.owner,
      leaseLeftMs,
      resumeInMs: Math.max(0, resumeAtMs - nowMs),
      signals: mailbox.length,
      createdAt: new Date(createdAtMs),
      updatedAt: new Date(updatedAtMs),
    };
  }
}

/** When a saga can be claimed as one that is due; `Infinity` for never. */
function dueAtMsOf({ data, untilMs, resumeAtMs, notBeforeMs }: StoredSaga): number {
  if (data.parkedReason !== undefined || hasSagaEnded(data)) return Infinity;
  return Math.max(untilMs, resumeAtMs, notBeforeMs);
}

/** Only here it is written, and nobody else has it. */
function apply(data: SagaData, change: SagaChange): void {
  const { status, context, error, parkedReason, hasProgressed, leaseMs } = change;
  data.revision++;
  if (status !== undefined) data.status = status;
  if (context !== undefined) data.context = context;
  if (error !== undefined) data.error = error ?? undefined;
  if (parkedReason !== undefined) data.parkedReason = parkedReason ?? undefined;
  if (hasProgressed === true) data.attempts = 0;
  if (leaseMs === 0) data.owner = undefined;
}

function holdOf({ data, mailbox }: StoredSaga): SagaHold {
  return { revision: data.revision, signals: mailbox.length };
}
