import type { Envelope } from "../../message/mod.ts";
import { ConcurrencyError, type StorageTransaction } from "../mod.ts";
import type { AppendedEnvelope, Entry, MemoryDatabase } from "./memory_database.ts";

/**
 * Data of an application's own in a {@linkcode memoryStorage}, as it is within one transaction: a
 * map that stands in for the tables of a database.
 *
 * What is written takes effect with the commit. What is read is what was committed when this
 * transaction first read it, or what this transaction has written; if somebody else has changed it
 * by the time of the commit, that fails with a {@linkcode ConcurrencyError}. Values are copied in
 * and out with `structuredClone`.
 */
export interface MemoryClient {
  /** The value under `key`; `undefined` if there is none. */
  get(key: string): unknown;
  /** Sets the value under `key`. */
  set(key: string, value: unknown): void;
  /** Deletes the value under `key`. */
  delete(key: string): void;
}

/** A transaction of a {@linkcode memoryStorage}. Any number may be open at the same time. */
export type MemoryTransaction = StorageTransaction<MemoryClient>;

/** A transaction from its beginning to its end. */
export class OpenTransaction implements MemoryTransaction, MemoryClient {
  readonly database: MemoryDatabase;
  readonly #reads: Map<string, Entry | undefined> = new Map();
  readonly #writes: Map<string, Entry | undefined> = new Map();
  readonly #appended: AppendedEnvelope[] = [];
  #isOver = false;

  constructor(database: MemoryDatabase) {
    this.database = database;
  }

  get client(): MemoryClient {
    return this;
  }

  get(key: string): unknown {
    this.#checkOpen("read");
    return structuredClone(this.#entry(key)?.value);
  }

  set(key: string, value: unknown): void {
    this.#checkOpen("write");
    this.#writes.set(key, { value: structuredClone(value) });
  }

  delete(key: string): void {
    this.#checkOpen("write");
    this.#writes.set(key, undefined);
  }

  append(envelopes: readonly Envelope[]): void {
    this.#checkOpen("append");
    for (const envelope of envelopes) {
      this.#appended.push({ position: this.database.nextPosition(), envelope });
    }
  }

  /** Ends it without an effect. */
  rollback(): void {
    this.#isOver = true;
  }

  commit(): void {
    this.#isOver = true;
    const { entries } = this.database;
    for (const [key, entry] of this.#reads) {
      if (entries.get(key) !== entry) throw new ConcurrencyError();
    }
    for (const [key, entry] of this.#writes) {
      if (entry === undefined) entries.delete(key);
      else entries.set(key, entry);
    }
    this.database.insert(this.#appended);
  }

  /** Throws unless it is open: what comes too late must not get lost unnoticed. */
  #checkOpen(action: string): void {
    if (this.#isOver) throw new TypeError(`Cannot ${action} as the transaction has ended`);
  }

  #entry(key: string): Entry | undefined {
    if (this.#writes.has(key)) return this.#writes.get(key);
    if (!this.#reads.has(key)) this.#reads.set(key, this.database.entries.get(key));
    return this.#reads.get(key);
  }
}
