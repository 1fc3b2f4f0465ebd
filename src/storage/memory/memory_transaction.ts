import type { Envelope } from "../../message/mod.ts";
import { ConcurrencyError, type InboxDeadLetter, type StorageTransaction } from "../mod.ts";
import type { AppendedEnvelope, Entry, MemoryDatabase } from "./memory_database.ts";
import type { InboxEntry } from "./memory_inbox.ts";
import { StagedMap } from "./staged_map.ts";

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
  readonly #entries: StagedMap<Entry>;
  readonly #inbox: StagedMap<InboxEntry>;
  readonly #appended: AppendedEnvelope[] = [];
  readonly #buried: InboxDeadLetter[] = [];
  readonly #taken: Set<InboxDeadLetter> = new Set();
  #isOver = false;

  constructor(database: MemoryDatabase) {
    this.database = database;
    this.#entries = new StagedMap(database.entries);
    this.#inbox = new StagedMap(database.inbox);
  }

  get client(): MemoryClient {
    return this;
  }

  get(key: string): unknown {
    this.#checkOpen("read");
    return structuredClone(this.#entries.get(key)?.value);
  }

  set(key: string, value: unknown): void {
    this.#checkOpen("write");
    this.#entries.set(key, { value: structuredClone(value) });
  }

  delete(key: string): void {
    this.#checkOpen("write");
    this.#entries.set(key, undefined);
  }

  append(envelopes: readonly Envelope[]): void {
    this.#checkOpen("append");
    for (const envelope of envelopes) {
      this.#appended.push({ position: this.database.nextPosition(), envelope });
    }
  }

  /** What the inbox knows of a message, as far as this transaction can tell. */
  inboxEntry(name: string): InboxEntry | undefined {
    this.#checkOpen("read");
    return this.#inbox.get(name);
  }

  setInboxEntry(name: string, entry: InboxEntry): void {
    this.#checkOpen("write");
    this.#inbox.set(name, entry);
  }

  addDeadDelivery(letter: InboxDeadLetter): void {
    this.#checkOpen("write");
    this.#buried.push(letter);
  }

  takeDeadDelivery(isWanted: (letter: InboxDeadLetter) => boolean): InboxDeadLetter | undefined {
    this.#checkOpen("write");
    const found = this.database.deadDeliveries.find((letter) =>
      isWanted(letter) && !this.#taken.has(letter)
    );
    if (found !== undefined) this.#taken.add(found);
    return found;
  }

  /** Ends it without an effect. */
  rollback(): void {
    this.#isOver = true;
  }

  commit(): void {
    this.#isOver = true;
    const { database } = this;
    const isTaken = ({ length }: readonly unknown[]) => length < this.#taken.size;
    const left = database.deadDeliveries.filter((letter) => this.#taken.has(letter));
    if (this.#entries.isStale || this.#inbox.isStale || isTaken(left)) throw new ConcurrencyError();
    this.#entries.apply();
    this.#inbox.apply();
    database.removeDeadDeliveries((letter) => this.#taken.has(letter));
    database.deadDeliveries.push(...this.#buried);
    database.insert(this.#appended);
  }

  /** Throws unless it is open: what comes too late must not get lost unnoticed. */
  #checkOpen(action: string): void {
    if (this.#isOver) throw new TypeError(`Cannot ${action} as the transaction has ended`);
  }
}
