import {
  type InboxStore,
  type OutboxOptions,
  type OutboxStore,
  type SagaStore,
  SharedReplayLog,
  type SharedReplayLogOptions,
  type Storage,
} from "../mod.ts";
import type { PostgresClient, PostgresQuery } from "./client.ts";
import type { PostgresLogAccess } from "./log_access.ts";
import { migrate } from "./migrate.ts";
import { type PostgresNames, postgresNames, type PostgresNamesOptions } from "./names.ts";
import { OpenTransaction, type PostgresTransaction } from "./open_transaction.ts";
import { PostgresInbox } from "./postgres_inbox.ts";
import { PostgresOutbox } from "./postgres_outbox.ts";
import { type PostgresSagaOptions, PostgresSagas } from "./postgres_sagas.ts";
import { PostgresReplayExchange } from "./replay_exchange.ts";
import { transactionError } from "./storage_query.ts";
import { WakeUps } from "./wake_ups.ts";

/** How {@linkcode postgresStorage} works. */
export interface PostgresStorageOptions extends OutboxOptions, PostgresNamesOptions {
  /**
   * Whether relays of other processes are woken with `NOTIFY` when something is stored, and this one's
   * with `LISTEN`. Otherwise they find it at their next look. It takes a driver that can listen, on a
   * connection that is not behind a transaction-mode pooler.
   *
   * @default {false}
   */
  readonly notify?: boolean | undefined;
  /** The limits of `replay`. @default {{}} */
  readonly replay?: SharedReplayLogOptions | undefined;
  /** How sagas are written. @default {{}} */
  readonly sagas?: PostgresSagaOptions | undefined;
  /**
   * Where messages are put.
   *
   * - `"table"`: the table of the outbox, which any relay reads.
   * - `"log"`: the log of the database alone, as a part of the transaction, so that there is nothing to
   *   poll and nothing to clean up. Only a relay with `postgresLogTail` of `@sluice/cqrs/postgres-log`
   *   as its source reads them: prepare its slot before the first message, as what the log gets while
   *   there is no slot is lost. Statistics count what has failed, and not what waits in the log;
   *   nothing is kept after it was published. It takes Postgres 14.
   *
   * @default {"table"}
   */
  readonly appendTo?: "table" | "log" | undefined;
}

/**
 * A storage on Postgres.
 *
 * @typeParam C The driver's handle of a transaction.
 */
export interface PostgresStorage<C = unknown> extends Storage<PostgresTransaction<C>> {
  /** Messages on their way to the broker. It takes the transactions of any storage on the same database. */
  readonly outbox: OutboxStore<PostgresTransaction>;
  /** Which messages from brokers were handled. It takes the transactions of any storage on the same database. */
  readonly inbox: InboxStore<PostgresTransaction>;
  /**
   * Sagas and their logs. Only the clock of the database counts. `claimDue` goes by when sagas were
   * last claimed, kept or given up: one that was written to since then may come before its turn, though
   * never before it is due.
   */
  readonly sagas: SagaStore;
  /**
   * Makes a transaction that the application has opened itself, through the same driver, one in which
   * messages can be appended. It ends where it was opened. Relays of this process are not woken by
   * its commit: call `outbox.wake()` after it, or let them find the messages at their next look.
   */
  join(handle: C): PostgresTransaction<C>;
  /**
   * As {@linkcode PostgresStorage.join}, for a library that hides the driver.
   *
   * @param query Runs a statement in the transaction.
   */
  joinQuery(query: PostgresQuery): PostgresTransaction<undefined>;
  /** For `postgresLogTail` of `@sluice/cqrs/postgres-log`. */
  readonly log: PostgresLogAccess;
}

/**
 * Creates a storage on Postgres 13 or newer, with UTF-8 as the encoding of the database. It keeps
 * nothing on a connection between two statements, so it works behind a transaction-mode pooler, save
 * for `notify`.
 *
 * A message with the character 0 in its id, type, topic or key is refused with a `TypeError` before
 * anything is sent, as Postgres takes it in no text; half of a surrogate pair becomes U+FFFD in these.
 * The body and everything else keep both, and a transaction can go on after the refusal.
 *
 * So is, in a saga or a signal, a character 0 in its id or name; each of them has at most 500 bytes in
 * UTF-8. What an error or a reason says is stored with U+FFFD in place of what Postgres refuses.
 *
 * @param client The client that the application has, by `fromPg`, `fromPostgresJs`, `fromDenoPostgres` or
 * `fromPglite`.
 * @throws {TypeError} If two of the notifications have the same name on the same topic, or the schema or
 * the prefix cannot stand in names, or `appendTo` is no place.
 */
export function postgresStorage<C>(
  client: PostgresClient<C>,
  options: PostgresStorageOptions = {},
): PostgresStorage<C> {
  const { appendTo = "table" } = options;
  if (appendTo !== "table" && appendTo !== "log") {
    throw new TypeError(
      `Cannot create the storage: appendTo must be "table" or "log", got ${appendTo}`,
    );
  }
  return new StorageOnPostgres(client, options);
}

class StorageOnPostgres<C> implements PostgresStorage<C> {
  readonly outbox: PostgresOutbox;
  readonly inbox: PostgresInbox;
  readonly sagas: PostgresSagas;
  readonly replay: SharedReplayLog;
  readonly #client: PostgresClient<C>;
  readonly #names: PostgresNames;
  readonly #wakeUps: WakeUps;

  constructor(
    client: PostgresClient<C>,
    { schema, prefix, notify = false, appendTo = "table", replay, sagas, ...options }:
      PostgresStorageOptions,
  ) {
    const names = postgresNames({ schema, prefix });
    this.#client = client;
    this.#names = names;
    this.#wakeUps = new WakeUps(client, { channel: names.channel, notifies: notify });
    const parts = { query: client.query, names, wakeUps: this.#wakeUps, appendTo };
    this.outbox = new PostgresOutbox(parts, options);
    this.sagas = new PostgresSagas(parts, sagas);
    this.inbox = new PostgresInbox(client.query, names);
    this.replay = new SharedReplayLog(
      new PostgresReplayExchange(client, { names, notifies: notify }),
      replay,
    );
  }

  get log(): PostgresLogAccess {
    return this.outbox.log;
  }

  async transaction<R>(run: (tx: PostgresTransaction<C>) => R | Promise<R>): Promise<R> {
    let hasMessages = false;
    const result = await this.#client.transaction(async (scope) => {
      const tx = new OpenTransaction(scope);
      try {
        return await run(tx);
      } finally {
        tx.end();
        hasMessages = tx.hasMessages;
      }
    }).catch((error) => {
      throw transactionError(error);
    });
    if (hasMessages) this.#wakeUps.wake();
    return result;
  }

  join(handle: C): PostgresTransaction<C> {
    return new OpenTransaction(this.#client.join(handle));
  }

  joinQuery(query: PostgresQuery): PostgresTransaction<undefined> {
    return new OpenTransaction({ client: undefined, query });
  }

  async migrate(): Promise<void> {
    await migrate(this.#client, this.#names);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.replay.close();
  }
}
