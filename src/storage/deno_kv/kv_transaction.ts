import type { Envelope, Notification } from "../../message/mod.ts";
import {
  anyPartition,
  ConcurrencyError,
  type OutboxWriter,
  partitionOf,
  type StorageTransaction,
} from "../mod.ts";
import type { DenoKvAtomic } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { keyText, type Pair, pairOf } from "./keys.ts";
import { commitToken, FIRST_VERSION, placeOf } from "./place.ts";
import { encodeRow } from "./stored_row.ts";
import { costOfSet, type DenoKvBudget, sumOf, TransactionBudget } from "./transaction_budget.ts";
import { type DenoKvTransactionClient, TransactionClient } from "./transaction_client.ts";

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
  readonly #operation: DenoKvAtomic;
  readonly #budget = new TransactionBudget();
  /** What was appended, call by call: a later call may be ready before an earlier one. */
  readonly #calls: AppendedRow[][] = [];
  readonly #appending: Set<Promise<void>> = new Set();

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
    if (await this.database.commit(this.#operation) === undefined) throw new ConcurrencyError();
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
    const pairs = await Promise.all(envelopes.map(pairFor));
    const added = encoded.map((row, n) => ({ ...row, pair: pairs[n] as Pair }));
    this.client.checkOpen("append");
    this.#budget.spend(sumOf(this.#costsOf(added)));
    rows.push(...added);
  }

  *#costsOf(rows: readonly AppendedRow[]): Iterable<DenoKvBudget> {
    const { keys } = this.database;
    const isFirst = this.#calls.every((call) => call.length === 0);
    if (isFirst && rows.length > 0) yield costOfSet(keys.clock, CLOCK_BYTES);
    for (const { pair, bytes, chunks } of rows) {
      yield costOfSet(keys.row(pair, SOME_PLACE), bytes.length);
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
    for (const [n, { pair, bytes, chunks }] of rows.entries()) {
      const place = placeOf(versionstamp ?? FIRST_VERSION, token, n);
      this.#operation.set(keys.row(pair, place), bytes);
      for (const [part, chunk] of chunks.entries()) {
        this.#operation.set(keys.body(place, part), chunk);
      }
    }
  }
}

/** What the clock key costs. */
const CLOCK_BYTES = 8;

/** A place like all others, to count bytes with. */
const SOME_PLACE = placeOf(FIRST_VERSION, commitToken(), 0);

async function pairFor({ topic, key }: Envelope): Promise<Pair> {
  const partition = key === undefined ? anyPartition() : partitionOf(key);
  return pairOf(await keyText(topic), partition);
}
