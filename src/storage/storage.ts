import type { ReplayLog } from "../stream/mod.ts";
import type { InboxStore } from "./inbox_store.ts";
import type { OutboxStore } from "./outbox_store.ts";
import type { SagaStore } from "./saga_store.ts";

/**
 * A transaction of a storage: what is written through it takes effect as a whole, or not at all.
 *
 * @typeParam C The type of the driver's own handle.
 */
export interface StorageTransaction<C = unknown> {
  /** The driver's own handle, for the application's reads and writes in this transaction. */
  readonly client: C;
}

/**
 * Everything that an application keeps beyond the life of a process, in one database: configured
 * once, and handed to whatever needs a part of it.
 *
 * @typeParam Tx The type of its transactions.
 */
export interface Storage<Tx extends StorageTransaction = StorageTransaction>
  extends AsyncDisposable {
  /** Messages on their way to the broker. */
  readonly outbox: OutboxStore<Tx>;
  /** Which messages from brokers were handled. */
  readonly inbox: InboxStore<Tx>;
  /** Sagas and their logs. */
  readonly sagas: SagaStore;
  /** Runs of streams that another instance can resume. */
  readonly replay: ReplayLog;
  /**
   * Runs `run` in a transaction, which is committed when it resolves and rolled back when it throws.
   * It is run once: whoever wants it run again after a conflict does so himself.
   *
   * An implementation makes what was appended to the outbox in it visible with the commit, and calls
   * those who subscribed to the outbox after it.
   *
   * @throws {ConcurrencyError} If what it read was changed meanwhile; nothing is written then.
   * @throws Whatever `run` throws, unchanged, once the transaction is rolled back.
   */
  transaction<R>(run: (tx: Tx) => R | Promise<R>): Promise<R>;
  /**
   * Prepares the database, as far as that has not been done. Any number of processes may call it at
   * the same time, at every start.
   *
   * @throws {SchemaVersionError} If the database was prepared by a newer version that this one does not understand.
   */
  migrate(): Promise<void>;
  /**
   * Ends what the storage does in the background, which it begins with the first run of `replay`: then
   * runs of this process can be had nowhere any more. The client that it was given stays open.
   */
  [Symbol.asyncDispose](): Promise<void>;
}
