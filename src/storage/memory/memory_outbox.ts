import type { Envelope, Notification } from "../../message/mod.ts";
import {
  type DeadLetters,
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
import type { MemoryDatabase } from "./memory_database.ts";
import { MemoryDeadLetters } from "./memory_dead_letters.ts";
import { MemorySession } from "./memory_session.ts";
import { type MemoryTransaction, OpenTransaction } from "./memory_transaction.ts";

/** The outbox of a storage in memory. */
export class MemoryOutbox implements OutboxStore<MemoryTransaction> {
  readonly deadLetters: DeadLetters;
  readonly #database: MemoryDatabase;
  readonly #writer: OutboxWriter;
  readonly #keepPublished: boolean;

  constructor(database: MemoryDatabase, options: OutboxOptions) {
    this.#database = database;
    this.#writer = new OutboxWriter(options);
    this.#keepPublished = options.keepPublished ?? false;
    this.deadLetters = new MemoryDeadLetters(database);
  }

  async append(
    tx: MemoryTransaction,
    messages: ReadonlyArray<Notification | Envelope>,
  ): Promise<void> {
    if (!(tx instanceof OpenTransaction) || tx.database !== this.#database) {
      throw new TypeError("Cannot append as this is no transaction of the storage");
    }
    const envelopes = await this.#writer.envelopes(messages);
    tx.append(envelopes.map(finalForm));
  }

  async store(messages: ReadonlyArray<Notification | Envelope>): Promise<void> {
    const tx = new OpenTransaction(this.#database);
    await this.append(tx, messages);
    tx.commit();
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async wake(): Promise<void> {
    this.#database.wake();
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async subscribe(onWake: () => void): Promise<AsyncDisposable> {
    return this.#database.subscribe(onWake);
  }

  open(options: OutboxSessionOptions): OutboxSession {
    return new MemorySession(this.#database, { ...options, keepPublished: this.#keepPublished });
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async statistics(options: OutboxStatisticsOptions = {}): Promise<OutboxStatistics> {
    const maxCount = maxCountOf(options);
    const { pending, dead, topics, clock } = this.#database;
    const nowMs = clock.now();
    let oldestMs = Infinity;
    for (const { storedAtMs } of pending) oldestMs = Math.min(oldestMs, storedAtMs);
    let waitingKeys = 0;
    let parkedKeys = 0;
    for (const partition of [...topics.values()].flat()) {
      for (const lane of partition.lanes.values()) {
        if (lane.isParked) parkedKeys++;
        else if ((lane.waitsUntilMs ?? nowMs) > nowMs) waitingKeys++;
      }
    }
    return {
      pending: Math.min(pending.size, maxCount),
      oldestAgeMs: pending.size === 0 ? undefined : nowMs - oldestMs,
      waitingKeys,
      parkedKeys,
      deadLetters: Math.min(dead.size, maxCount),
    };
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async purge(options: PurgeOptions): Promise<number> {
    const limit = purgeLimitOf(options);
    const { published, clock } = this.#database;
    const untilMs = clock.now() - purgeAgeMsOf(options);
    const young = published.findIndex(({ publishedAtMs }) => publishedAtMs > untilMs);
    return published.splice(0, Math.min(young === -1 ? published.length : young, limit)).length;
  }
}

/** A copy that nobody else can change. */
export function finalForm(envelope: Envelope): Envelope {
  const { time, headers, body } = envelope;
  return {
    ...envelope,
    time: new Date(time),
    headers: { ...headers },
    body: new Uint8Array(body), // slice() of a Buffer would be a view of the same bytes
  };
}
