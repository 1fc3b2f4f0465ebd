import { type Clock, systemClock } from "../../clock.ts";
import {
  type InboxStore,
  type OutboxOptions,
  type OutboxStore,
  type SagaStore,
  SharedReplayLog,
  type SharedReplayLogOptions,
  type Storage,
} from "../mod.ts";
import type { DenoKv, DenoKvKeyPart } from "./deno_kv.ts";
import { KvDatabase } from "./kv_database.ts";
import { KvInbox } from "./kv_inbox.ts";
import { KvOutbox } from "./kv_outbox.ts";
import { KvSagas } from "./kv_sagas.ts";
import { type DenoKvTransaction, OpenTransaction } from "./kv_transaction.ts";
import { keySize } from "./key_size.ts";
import { Keys } from "./keys.ts";
import { KvReplayExchange } from "./replay_exchange.ts";
import { prepare } from "./schema.ts";
import { WakeUps } from "./wake_ups.ts";

/** How {@linkcode denoKvStorage} works. */
export interface DenoKvStorageOptions extends OutboxOptions {
  /**
   * What all keys of the storage begin with. Several storages can share a database if none of their
   * prefixes begins with another one. It has room for 256 bytes.
   *
   * @default {["sluice"]}
   */
  readonly prefix?: readonly DenoKvKeyPart[];
  /**
   * Whether those who subscribe to the outbox are also called for what other processes store, through
   * `kv.watch`. It opens a stream to the database for each, and has no effect between processes that
   * share a file. Without it relays see what others have stored at their next look.
   *
   * @default {false}
   */
  readonly watch?: boolean;
  /** The limits of `replay`. @default {{}} */
  readonly replay?: SharedReplayLogOptions;
  /** The clock of leases, of what waits, and of ages. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Creates a storage on Deno KV: in memory, in a file, or on Deno Deploy. It takes the database that
 * the application has, and does not close it.
 *
 * What a transaction writes and the messages that it stores are one atomic operation of the database,
 * so all of the limits of one hold for a transaction; see {@linkcode DenoKvTransactionClient}. Storing
 * messages never conflicts with anybody. Any number of processes can share a database in a file too;
 * they wait for each other, and try again for some seconds while it is locked.
 *
 * A checkpoint of a saga is one atomic operation too, with the messages in it, so its context, the
 * results in its new log entries and its messages have 819,200 bytes together; more is refused with a
 * {@linkcode TransactionTooLargeError}, and nothing is written. Texts of more than 16,384 characters
 * are kept apart, so that a checkpoint which does not change them does not write them again. The
 * metadata of a saga has room for some 16,000 bytes, and of errors and reasons 4,000 characters are
 * kept. Of sagas that were started in the same millisecond by several processes, either may be the
 * first in a list.
 *
 * @throws {TypeError} If two of the notifications have the same name on the same topic.
 * @throws {RangeError} If the prefix is too long.
 *
 * @example Data and a message in one transaction
 * ```ts
 * import { notification, type } from "@sluice/cqrs";
 * import { denoKvStorage } from "@sluice/cqrs/deno-kv";
 * import assert from "node:assert/strict";
 *
 * const Paid = notification("invoice.paid", {
 *   topic: "invoices",
 *   data: type<{ id: string }>(),
 *   key: ({ id }) => id,
 * });
 *
 * const kv = await Deno.openKv(":memory:"); // or a path, or nothing on Deno Deploy
 * const storage = denoKvStorage(kv);
 * await storage.migrate();
 *
 * await storage.transaction(async (tx) => {
 *   const { value } = await tx.client.get<string>(["invoice", "7"]); // is checked with the commit
 *   assert.equal(value, null);
 *   tx.client.set(["invoice", "7"], "paid");
 *   await storage.outbox.append(tx, [Paid({ id: "7" })]);
 * });
 * assert.equal((await kv.get(["invoice", "7"])).value, "paid");
 * assert.equal((await storage.outbox.statistics()).pending, 1);
 * kv.close();
 * ```
 */
export function denoKvStorage(
  kv: DenoKv,
  options: DenoKvStorageOptions = {},
): Storage<DenoKvTransaction> {
  return new DenoKvStorage(kv, options);
}

/** Keys need the rest of what one may have. */
const MAX_PREFIX_BYTES = 256;

class DenoKvStorage implements Storage<DenoKvTransaction> {
  readonly outbox: OutboxStore<DenoKvTransaction>;
  readonly inbox: InboxStore<DenoKvTransaction>;
  readonly sagas: SagaStore;
  readonly replay: SharedReplayLog;
  readonly #database: KvDatabase;
  readonly #wakeUps: WakeUps;

  constructor(
    kv: DenoKv,
    { prefix = ["sluice"], replay, watch = false, clock = systemClock, ...options }:
      DenoKvStorageOptions,
  ) {
    if (keySize(prefix) > MAX_PREFIX_BYTES) {
      throw new RangeError(
        `Cannot create the storage as its prefix has ${
          keySize(prefix)
        } bytes: there is room for ${MAX_PREFIX_BYTES}`,
      );
    }
    this.#database = new KvDatabase(kv, new Keys(prefix), clock);
    this.#wakeUps = new WakeUps(this.#database, watch);
    this.outbox = new KvOutbox(this.#database, this.#wakeUps, options);
    this.inbox = new KvInbox(this.#database);
    this.sagas = new KvSagas(this.#database, this.#wakeUps);
    const exchange = new KvReplayExchange(this.#database, prefix, clock);
    this.replay = new SharedReplayLog(exchange, { clock, ...replay });
  }

  async transaction<R>(run: (tx: DenoKvTransaction) => R | Promise<R>): Promise<R> {
    const tx = new OpenTransaction(this.#database);
    let result: R;
    try {
      result = await run(tx);
    } catch (error) {
      tx.rollback();
      throw error;
    }
    if (await tx.commit()) this.#wakeUps.callLocal();
    return result;
  }

  migrate(): Promise<void> {
    return prepare(this.#database);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.replay.close();
  }
}
