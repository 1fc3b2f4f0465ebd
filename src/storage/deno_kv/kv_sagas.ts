import {
  hasSagaEnded,
  type ListedSaga,
  maxCountOf,
  type NewSaga,
  type PurgeOptions,
  type SagaChange,
  sagaClaimNumbersOf,
  type SagaClaimOptions,
  type SagaFilter,
  type SagaHold,
  type SagaLease,
  sagaLeaseMsOf,
  type SagaSignal,
  type SagaSnapshot,
  type SagaStatistics,
  type SagaStore,
} from "../mod.ts";
import { keyText } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { claimDueSagas } from "./saga_due.ts";
import { changedSaga, claimedSaga, holdOf, startedSaga } from "./saga_entry.ts";
import { listSagas } from "./saga_list.ts";
import { loggedEntries } from "./saga_log.ts";
import { mailedSignal, readMail, takenSignals } from "./saga_mail.ts";
import { purgeSagas } from "./saga_purge.ts";
import { countSagas } from "./saga_statistics.ts";
import { type FoundSaga, SagaTable, type SagaWrite } from "./saga_table.ts";
import { keptText, textKeysOf } from "./saga_text.ts";
import type { WakeUps } from "./wake_ups.ts";

/** The sagas of a storage on Deno KV. */
export class KvSagas implements SagaStore {
  readonly #database: KvDatabase;
  readonly #table: SagaTable;
  /** Tells those apart that were started at the same time, and keeps those of this process in order. */
  #order = Math.random();

  constructor(database: KvDatabase, wakeUps: WakeUps) {
    this.#database = database;
    this.#table = new SagaTable(database, wakeUps);
  }

  async create(saga: NewSaga, lease: SagaLease): Promise<boolean> {
    const leaseMs = sagaLeaseMsOf(lease);
    const order = ++this.#order;
    const id = await keyText(saga.id);
    const definition = await keyText(saga.name);
    const nowMs = this.#database.clock.now();
    const name = { kind: "context", number: 1 } as const;
    const { kept, writes } = keptText(this.#database, id, name, saga.context);
    const { owner } = lease;
    const place = [nowMs, order] as const;
    const next = startedSaga(saga, kept, { definition, place, owner, nowMs, leaseMs });
    const entries = next.first === undefined ? saga.entries : [];
    const log = loggedEntries(this.#database, id, entries, nowMs);
    return await this.#table.insert(id, next, [...log, ...writes]);
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    const name = await keyText(id);
    let before: string | undefined;
    for (;;) {
      const whole = await this.#table.readWhole(name);
      if (whole === undefined) return undefined;
      const snapshot = await this.#table.snapshot(whole, whole);
      if (snapshot !== undefined) return snapshot;
      // Unless it was changed in between, it stays so.
      if (whole.versionstamp === before) {
        throw new TypeError(`Cannot read the saga "${id}" as a part of it is missing`);
      }
      before = whole.versionstamp;
    }
  }

  async claim(id: string, lease: SagaLease): Promise<SagaSnapshot | undefined> {
    const leaseMs = sagaLeaseMsOf(lease);
    const name = await keyText(id);
    const whole = await this.#table.readWhole(name);
    const [found] = await this.#table.change([{ id: name, known: whole }], ({ saga }) => {
      const nowMs = this.#database.clock.now();
      if (saga.untilMs > nowMs) return undefined;
      return { next: claimedSaga(saga, lease.owner, nowMs + leaseMs) };
    });
    return found && await this.#table.snapshot(found, whole);
  }

  async claimDue(options: SagaClaimOptions): Promise<readonly SagaSnapshot[]> {
    const numbers = sagaClaimNumbersOf(options);
    const { names, owner } = options;
    return await claimDueSagas(this.#table, { ...numbers, names, owner });
  }

  async checkpoint(
    id: string,
    revision: number,
    change: SagaChange,
  ): Promise<SagaHold | undefined> {
    const name = await keyText(id);
    let found = this.#table.remembered(name, revision);
    for (;;) {
      if (found === undefined) [found] = await this.#table.read([name]);
      if (found?.saga.revision !== revision) return undefined;
      const written = await this.#table.write(found, await this.#changeOf(found, change));
      if (written !== undefined) return holdOf(written.saga);
      found = undefined; // it may be that it was kept, or told something
    }
  }

  async keep(
    holds: ReadonlyArray<{ readonly id: string; readonly revision: number }>,
    leaseMs: number,
  ): Promise<ReadonlyArray<SagaHold | undefined>> {
    const targets = await Promise.all(holds.map(async ({ id, revision }) => {
      const name = await keyText(id);
      return { id: name, known: this.#table.remembered(name, revision) };
    }));
    const written = await this.#table.change(targets, ({ saga }, n) => {
      if (saga.revision !== holds[n]?.revision) return undefined;
      return { next: { ...saga, untilMs: this.#database.clock.now() + leaseMs } };
    });
    return written.map((found) => found && holdOf(found.saga));
  }

  async signal(
    id: string,
    signal: Omit<SagaSignal, "at">,
  ): Promise<"stored" | "late" | undefined> {
    const { kv, keys } = this.#database;
    const name = await keyText(id);
    const signalKey = keys.sagaSignal(name, await keyText(signal.id));
    for (;;) {
      const [found] = await this.#table.read([name]);
      if (found === undefined) return undefined;
      if (hasSagaEnded(found.saga)) {
        await this.#database.commit(kv.atomic().sum(keys.sagaLate, 1n));
        return "late";
      }
      // What has come since the saga was read has changed the saga too.
      const isKnown = (await kv.get(signalKey)).versionstamp !== null;
      const write = await this.#signalOf(found, signal, isKnown);
      if (write === undefined || await this.#table.write(found, write)) return "stored";
    }
  }

  async signals(id: string): Promise<readonly SagaSignal[]> {
    return await readMail(this.#database, await keyText(id));
  }

  async list(filter: SagaFilter = {}): Promise<readonly ListedSaga[]> {
    return await listSagas(this.#table, filter);
  }

  async statistics(options: { readonly maxCount?: number } = {}): Promise<SagaStatistics> {
    return await countSagas(this.#table, maxCountOf(options));
  }

  async purge(options: PurgeOptions): Promise<number> {
    return await purgeSagas(this.#table, options);
  }

  async #changeOf({ id, saga }: FoundSaga, change: SagaChange): Promise<SagaWrite> {
    const database = this.#database;
    const { entries = [], messages, consumed = [] } = change;
    const taken = consumed.length === 0
      ? { count: 0, writes: [] }
      : await takenSignals(database, id, consumed);
    const nowMs = database.clock.now();
    const name = { kind: "context", number: saga.revision + 1 } as const;
    const context = change.context === undefined
      ? undefined
      : keptText(database, id, name, change.context);
    const old = context && textKeysOf(database, id, "context", saga.context);
    return {
      next: changedSaga(saga, change, { nowMs, context: context?.kept, consumed: taken.count }),
      more: [
        ...loggedEntries(database, id, entries, nowMs),
        ...context?.writes ?? [],
        ...old?.map((key) => ({ key })) ?? [],
        ...taken.writes,
      ],
      messages,
    };
  }

  /** What a signal changes; `undefined` for nothing. */
  async #signalOf(
    { id, saga }: FoundSaga,
    signal: Omit<SagaSignal, "at">,
    isKnown: boolean,
  ): Promise<SagaWrite | undefined> {
    const isWaiting = saga.status === "waiting";
    if (isKnown && !isWaiting) return undefined;
    const nowMs = this.#database.clock.now();
    const number = saga.told + 1;
    const woken = isWaiting ? { ...saga, resumeAtMs: nowMs } : saga;
    if (isKnown) return { next: woken };
    const next = { ...woken, told: number, signals: saga.signals + 1 };
    return { next, more: await mailedSignal(this.#database, id, signal, { number, atMs: nowMs }) };
  }
}
