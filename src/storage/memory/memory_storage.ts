import { type Clock, systemClock } from "../../clock.ts";
import type { ReplayLog } from "../../stream/mod.ts";
import type { InboxStore, OutboxOptions, OutboxStore, SagaStore, Storage } from "../mod.ts";
import { MemoryDatabase } from "./memory_database.ts";
import { MemoryInbox } from "./memory_inbox.ts";
import { MemoryOutbox } from "./memory_outbox.ts";
import { MemorySagas } from "./memory_sagas.ts";
import { type MemoryTransaction, OpenTransaction } from "./memory_transaction.ts";

/** How {@linkcode memoryStorage} works. */
export interface MemoryStorageOptions extends OutboxOptions {
  /** The clock of leases, of what waits, and of ages. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Creates a storage in the memory of this process, for tests, and for programs that can do without
 * what they hold when they end. It behaves as the storages on databases do.
 *
 * @throws {TypeError} If two of the notifications have the same name on the same topic.
 */
export function memoryStorage(
  { clock = systemClock, ...options }: MemoryStorageOptions = {},
): Storage<MemoryTransaction> {
  return new MemoryStorage(new MemoryDatabase(clock), options);
}

/** One process' view of a database in memory. */
export class MemoryStorage implements Storage<MemoryTransaction> {
  readonly outbox: OutboxStore<MemoryTransaction>;
  readonly inbox: InboxStore<MemoryTransaction>;
  readonly sagas: SagaStore;
  readonly replay: ReplayLog;
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase, options: OutboxOptions = {}) {
    this.#database = database;
    this.outbox = new MemoryOutbox(database, options);
    this.inbox = new MemoryInbox(database);
    this.sagas = new MemorySagas(database);
    this.replay = database.replay;
  }

  async transaction<R>(run: (tx: MemoryTransaction) => R | Promise<R>): Promise<R> {
    const tx = new OpenTransaction(this.#database);
    let result: R;
    try {
      result = await run(tx);
    } catch (error) {
      tx.rollback();
      throw error;
    }
    tx.commit();
    return result;
  }

  migrate(): Promise<void> {
    return Promise.resolve(); // memory needs no preparation
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
