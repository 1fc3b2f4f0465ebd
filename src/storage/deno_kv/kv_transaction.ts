import type { Envelope, Notification } from "../../message/mod.ts";
import {
  anyPartition,
  ConcurrencyError,
  type OutboxWriter,
  partitionOf,
  type StorageTransaction,
} from "../mod.ts";
import { type BundledRow, type BundleSize, encodeBundle, sizeOfOne, sizeWith } from "./bundle.ts";
import type { DenoKvAtomic } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { keyText, type Pair, pairOf } from "./keys.ts";
import { commitToken, FIRST_VERSION, placeOf } from "./place.ts";
import { encodeRow } from "./stored_row.ts";
import {
  costOfMore,
  costOfSet,
  type DenoKvBudget,
  sumOf,
  TransactionBudget,
} from "./transaction_budget.ts";
import { type DenoKvTransactionClient, TransactionClient } from "./transaction_client.ts";
import { Turns } from "./turns.ts";

/** A transaction of a storage on Deno KV. */
export type DenoKvTransaction = StorageTransaction<DenoKvTransactionClient>;

/** A message that is a part of a transaction. */
interface AppendedRow {
  readonly pair: Pair;
  readonly bytes: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

/** A transaction from its beginning to its end. */
export class OpenTransaction implements DenoKvTransaction {
  readonly database: KvDatabase;
  readonly client: TransactionClient;
  /** Tells what it stores from what others do. */
  readonly token: string = commitToken();
  /** What it was committed with; `undefined` until then. */
  versionstamp: string | undefined = undefined;
  #numbers = 0;
  /** Lets what reads and then writes in it wait for each other. */
  readonly turns: Turns = new Turns();
  readonly #operation: DenoKvAtomic;
  readonly #budget = new TransactionBudget();
  /** What was appended, call by call: a later call may be ready before an earlier one. */
  readonly #calls: AppendedRow[][] = [];
  readonly #appending: Set<Promise<void>> = new Set();
  /** How full the bundles are that may get more rows, by the names of their partitions. */
  #bundles: Map<string, BundleSize> = new Map();

  constructor(database: KvDatabase) {
    this.database = database;
    this.#operation = database.kv.atomic();
    this.client = new TransactionClient(database.kv, this.#operation, this.#budget);
  }

  /** Adds messages; if it refuses one, it adds none. */
  append(
    messages: ReadonlyArray<Notification | Envelope>,
    writer: OutboxWriter,
  ): Promise<void> {
    this.client.checkOpen("append");
    const rows: AppendedRow[] = [];
    this.#calls.push(rows);
    const appending = this.#append(messages, writer, rows);
    this.#appending.add(appending);
    const forget = () => void this.#appending.delete(appending);
    appending.then(forget, forget);
    return appending;
  }

  /** Tells the dead letters of one transaction apart, in their order. */
  nextNumber(): number {
    return this.#numbers++;
  }

  /** Ends it without an effect. */
  rollback(): void {
    this.client.end();
  }

  /**
   * Ends it.
   *
   * @returns Whether there are messages in it.
   * @throws {ConcurrencyError} If something that it has read was changed.
   */
  async commit(): Promise<boolean> {
    await Promise.allSettled(this.#appending); // what was not awaited is a part of it too
    this.client.end();
    const rows = this.#calls.flat();
    if (rows.length === 0 && !this.client.hasWrites) return false;
    if (rows.length > 0) await this.#write(rows);
    this.versionstamp = await this.database.commit(this.#operation);
    if (this.versionstamp === undefined) throw new ConcurrencyError();
    return rows.length > 0;
  }

  async #append(
    messages: ReadonlyArray<Notification | Envelope>,
    writer: OutboxWriter,
    rows: AppendedRow[],
  ): Promise<void> {
    const envelopes = await writer.envelopes(messages);
    const storedAtMs = this.database.clock.now();
    const encoded = envelopes.map((envelope) => encodeRow(envelope, storedAtMs));
    const anywhere = anyPartition(); // so that messages without a key can stand together
    const pairs = await Promise.all(envelopes.map((envelope) => pairFor(envelope, anywhere)));
    const added = encoded.map((row, n) => ({ ...row, pair: pairs[n] as Pair }));
    this.client.checkOpen("append");
    const bundles = new Map(this.#bundles);
    this.#budget.spend(sumOf(this.#costsOf(added, bundles)));
    this.#bundles = bundles;
    for (const row of added) rows.push(row);
  }

  /** What rows cost, which stand in the bundles that are open as long as there is room. */
  *#costsOf(
    rows: readonly AppendedRow[],
    bundles: Map<string, BundleSize>,
  ): Iterable<DenoKvBudget> {
    const { keys } = this.database;
    if (bundles.size === 0 && rows.length > 0) yield costOfSet(keys.clock, CLOCK_BYTES);
    for (const { pair, bytes, chunks } of rows) {
      const open = bundles.get(pair.name);
      const more = open && sizeWith(open, bytes);
      const size = more ?? sizeOfOne(bytes);
      bundles.set(pair.name, size);
      if (more !== undefined && open !== undefined) yield costOfMore(more.bytes - open.bytes);
      else yield costOfSet(keys.row(pair, SOME_PLACE), size.bytes);
      for (const [n, chunk] of chunks.entries()) {
        yield costOfSet(keys.body(SOME_PLACE, n), chunk.length);
      }
    }
  }

  /** Gives the messages their places, behind all that was committed before. */
  async #write(rows: readonly AppendedRow[]): Promise<void> {
    const { kv, keys } = this.database;
    const { versionstamp } = await kv.get(keys.clock);
    const token = commitToken();
    this.#operation.set(keys.clock, 0);
    const open = new Map<string, OpenBundle>();
    for (const [n, { pair, bytes, chunks }] of rows.entries()) {
      const place = placeOf(versionstamp ?? FIRST_VERSION, token, n);
      const bundle = open.get(pair.name);
      const size = bundle && sizeWith(bundle.size, bytes);
      if (bundle !== undefined && size !== undefined) {
        bundle.rows.push({ place, row: bytes });
        bundle.size = size;
      } else {
        if (bundle !== undefined) this.#close(bundle);
        open.set(pair.name, { pair, rows: [{ place, row: bytes }], size: sizeOfOne(bytes) });
      }
      for (const [part, chunk] of chunks.entries()) {
        this.#operation.set(keys.body(place, part), chunk);
      }
    }
    for (const bundle of open.values()) this.#close(bundle);
  }

  #close({ pair, rows }: OpenBundle): void {
    const [first] = rows;
    if (first === undefined) return;
    this.#operation.set(this.database.keys.row(pair, first.place), encodeBundle(rows));
  }
}

/** A bundle that may get more rows. */
interface OpenBundle {
  readonly pair: Pair;
  readonly rows: BundledRow[];
  size: BundleSize;
}

/**
 * The transaction as what it is.
 *
 * @throws {TypeError} If it is none of that database.
 */
export function openedOf(
  tx: StorageTransaction,
  database: KvDatabase,
  action: string,
): OpenTransaction {
  if (tx instanceof OpenTransaction && tx.database === database) return tx;
  throw new TypeError(`Cannot ${action} as this is no transaction of the storage`);
}

/** What the clock key costs. */
const CLOCK_BYTES = 8;

/** A place like all others, to count bytes with. */
const SOME_PLACE = placeOf(FIRST_VERSION, commitToken(), 0);

async function pairFor({ topic, key }: Envelope, anywhere: number): Promise<Pair> {
  const partition = key === undefined ? anywhere : partitionOf(key);
  return pairOf(await keyText(topic), partition);
}
