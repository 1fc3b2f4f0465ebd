import type { Envelope, Notification } from "../../message/mod.ts";
import {
  leaseMsOf,
  maxCountOf,
  type OutboxOptions,
  type OutboxSession,
  type OutboxSessionOptions,
  type OutboxStatistics,
  type OutboxStatisticsOptions,
  type OutboxStore,
  OutboxWriter,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
} from "../mod.ts";
import type { DenoKvEntry } from "./deno_kv.ts";
import { KvDeadLetters } from "./kv_dead_letters.ts";
import type { KvDatabase } from "./kv_database.ts";
import { KvSession } from "./kv_session.ts";
import { countAll } from "./kv_statistics.ts";
import { type DenoKvTransaction, openedOf, OpenTransaction } from "./kv_transaction.ts";
import { RelayWatch } from "./relay_watch.ts";
import { chunksIn, isRow } from "./stored_row.ts";
import type { WakeUps } from "./wake_ups.ts";
import { addWrites, partsOf, type Unit } from "./writes.ts";

/** The outbox of a storage on Deno KV. */
export class KvOutbox implements OutboxStore<DenoKvTransaction> {
  readonly deadLetters: KvDeadLetters;
  readonly #database: KvDatabase;
  readonly #wakeUps: WakeUps;
  readonly #writer: OutboxWriter;
  readonly #keepPublished: boolean;
  readonly #watch = new RelayWatch();

  constructor(database: KvDatabase, wakeUps: WakeUps, options: OutboxOptions) {
    this.#database = database;
    this.#wakeUps = wakeUps;
    this.#writer = new OutboxWriter(options);
    this.#keepPublished = options.keepPublished ?? false;
    this.deadLetters = new KvDeadLetters(database, wakeUps);
  }

  async append(
    tx: DenoKvTransaction,
    messages: ReadonlyArray<Notification | Envelope>,
  ): Promise<void> {
    await openedOf(tx, this.#database, "append").append(messages, this.#writer);
  }

  async store(messages: ReadonlyArray<Notification | Envelope>): Promise<void> {
    const tx = new OpenTransaction(this.#database);
    await this.append(tx, messages);
    if (await tx.commit()) this.#wakeUps.callLocal();
  }

  wake(): Promise<void> {
    return this.#wakeUps.callAll();
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async subscribe(onWake: () => void): Promise<AsyncDisposable> {
    return this.#wakeUps.subscribe(onWake);
  }

  open(options: OutboxSessionOptions): OutboxSession {
    const keepPublished = this.#keepPublished;
    const leaseMs = leaseMsOf(options);
    return new KvSession(this.#database, this.#watch, { ...options, leaseMs, keepPublished });
  }

  async statistics(options: OutboxStatisticsOptions = {}): Promise<OutboxStatistics> {
    return await countAll(this.#database, maxCountOf(options));
  }

  async purge(options: PurgeOptions): Promise<number> {
    const { kv, keys, clock } = this.#database;
    const limit = purgeLimitOf(options);
    // What was published in that very millisecond is old enough.
    const end = keys.doneFrom(clock.now() - purgeAgeMsOf(options) + 1);
    const units = [];
    for await (const entry of this.#database.walk({ prefix: keys.done, end }, limit)) {
      units.push(this.#deletionOf(entry));
    }
    for (const part of partsOf(units)) {
      const operation = kv.atomic();
      addWrites(operation, part);
      if (part.length > 0) await this.#database.commit(operation);
    }
    return units.length;
  }

  #deletionOf({ key, value }: Pick<DenoKvEntry, "key" | "value">): Unit {
    const { keys } = this.#database;
    const [doneAtMs, place] = key.slice(-2);
    const chunks = isRow(value) ? chunksIn(value) : 0;
    return [
      { key: keys.doneRow(Number(doneAtMs), String(place)) },
      ...Array.from({ length: chunks }, (_, n) => ({ key: keys.body(String(place), n) })),
    ];
  }
}
