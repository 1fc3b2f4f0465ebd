import { type Clock, systemClock } from "../../clock.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../../resilience/mod.ts";
import type { OutboxSession, OutboxSessionOptions, OutboxStore } from "../mod.ts";
import type { PostgresLogAccess } from "../postgres/mod.ts";
import type { LogTailEvent } from "./log_reader.ts";
import { LogStore } from "./log_store.ts";
import { type LogTailParts, LogTailSession } from "./log_tail_session.ts";
import { ReplicationStream } from "./replication_stream.ts";
import { lookAtSlot } from "./slot.ts";
import { dropSlot, makeSlot } from "./slot_setup.ts";

/** How a log tail connects to the server: what `Client` of `pg` takes. */
export interface LogConnectionOptions {
  /** The address: `postgres://user@host:5432/database`. The other options come before what stands in it. */
  readonly connectionString?: string | undefined;
  /** The host. @default {"localhost"} */
  readonly host?: string | undefined;
  /** The port. @default {5432} */
  readonly port?: number | undefined;
  /** The database. @default the name of the user */
  readonly database?: string | undefined;
  /** The role, which needs the attribute `REPLICATION`. */
  readonly user?: string | undefined;
  /** The password, or what gives it for each connection. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Whether the connection is encrypted, and the options of `tls.connect`. @default {false} */
  readonly ssl?: boolean | object | undefined;
}

/** How {@linkcode postgresLogTail} works. */
export interface PostgresLogTailOptions {
  /** The storage by `postgresStorage`. */
  readonly storage: PostgresLogStorage;
  /**
   * The server that the storage is on, as an address or as what `pg` takes. It has to be the server
   * itself: poolers have no replication.
   */
  readonly connection: string | LogConnectionOptions;
  /**
   * The name of the slot: lower-case letters, digits and underscores, at most 63. It is one for the
   * whole server, so that of several databases or schemas each needs another.
   *
   * @default {"sluice_outbox"}
   */
  readonly slot?: string;
  /** The name of the publication, as that of the slot. @default the name of the slot */
  readonly publication?: string;
  /**
   * How long the tables are left alone at the most, in milliseconds, a number from 0. They hold what
   * waits to be tried again. What is stored is told by the log at once; so this is how late a message
   * can be that is due. With 0 each look for something new goes to the tables and to the end of the log.
   *
   * @default {1_000}
   */
  readonly pollMs?: number;
  /** How often one that stands by looks whether the slot is free, in milliseconds, a positive number. @default {1_000} */
  readonly standbyMs?: number;
  /**
   * How long connecting may take, and how long the server may be silent before it is asked and after it
   * was asked whether it lives, in milliseconds, a positive number.
   *
   * @default {10_000}
   */
  readonly timeoutMs?: number;
  /**
   * The delays before a connection is tried again.
   *
   * @default {exponentialBackoff({ initialDelayMs: 100, maxDelayMs: 10_000 })}
   */
  readonly backoff?: Backoff | BackoffOptions;
  /** Sees what happens to the connection. It must not throw; what it throws is ignored. @default nobody */
  readonly observer?: (event: LogTailEvent) => void;
  /** The clock of delays and limits. @default {systemClock} */
  readonly clock?: Clock;
}

/** What {@linkcode postgresLogTail} needs of a storage on Postgres. */
export interface PostgresLogStorage {
  /** Its outbox. */
  readonly outbox: Pick<OutboxStore, "subscribe" | "wake">;
  /** Its tables. */
  readonly log: PostgresLogAccess;
}

/** What {@linkcode PostgresLogTail.status} tells. */
export interface LogTailStatus {
  /** The name of the slot. */
  readonly slot: string;
  /** Whether somebody reads it. */
  readonly isActive: boolean;
  /** How many bytes the log has behind what was published and confirmed. */
  readonly lagBytes: number;
  /** How many bytes of log the server keeps for the slot. */
  readonly retainedBytes: number;
  /**
   * How many bytes can be written to the log until the slot may be lost; `undefined` if the server has
   * no `max_slot_wal_keep_size`, and so keeps the log until its disk is full.
   */
  readonly safeBytes: number | undefined;
  /**
   * How the server has the log that the slot needs: `"reserved"`, `"extended"` beyond what it keeps for
   * itself, or `"unreserved"`, which may be gone at the next checkpoint.
   */
  readonly walStatus: string;
}

/** The tail of the log of a Postgres server, as a source of relays. */
export interface PostgresLogTail {
  /**
   * Makes the publication and the slot, as far as they are missing; any number of processes may do so at
   * every start, after `migrate()` of the storage. It waits for the transactions to end that are open
   * then, and takes the right to make publications and slots.
   *
   * @throws {SlotLostError} If the slot was there once, and is not any more: to make another one would
   * hide what was lost with it. `drop()` and `prepare()` begin anew.
   */
  prepare(): Promise<void>;
  /**
   * Removes the slot and its publication. Nothing else lets the server drop the log that it keeps for
   * them: do so when the source is no longer used. What stands in the log alone and was not published
   * is lost.
   *
   * @throws What the database throws if the slot is still read after 5 seconds.
   */
  drop(): Promise<void>;
  /**
   * Tells how the slot is, for a health check.
   *
   * @throws {SlotLostError} If it is of no use any more.
   */
  status(): Promise<LogTailStatus>;
  /** Calls `onWake` when the log or the outbox may have something to publish; see {@linkcode OutboxStore.subscribe}. */
  subscribe(onWake: () => void): Promise<AsyncDisposable>;
  /**
   * Opens a session of a relay. It connects when it is read. `read` throws a {@linkcode SlotLostError} if
   * the slot is lost, and what keeps it from connecting if it was never connected or has failed to be
   * five times in a row.
   */
  open(options: OutboxSessionOptions): OutboxSession;
}

/**
 * Creates a source for `outboxRelay` that reads the log of a Postgres server, through a replication
 * slot, in place of looking at the table of the outbox again and again: what is committed is published
 * about a millisecond later. It takes Postgres 14 or newer with `wal_level = logical`. It does nothing
 * until it is used.
 *
 * It serves both places where a storage puts messages (`appendTo`):
 *
 * - `"table"`: the log tells that there are rows, and the relay reads the table then, as any relay does;
 *   it shares the work with others that do without the log. The table is what counts: nothing is lost
 *   with a slot.
 * - `"log"`: the messages stand in the log alone, in the order of their commits, and there is nothing to
 *   look at and nothing to clean up. What the broker refuses goes to a table, and what comes behind it in
 *   its lane follows it there. The slot is what counts: with it, all is lost that was not published.
 *
 * Every message is published at least once, in the order of its lane; the log is kept until the broker
 * has confirmed what stands in it. One relay at a time has the slot. Others with the same slot stand by,
 * and take over as soon as it lets go of the slot, or a second or two after its connection has died, or
 * after `leaseMs` if it hangs. A relay without the slot publishes nothing.
 *
 * A slot makes the server keep its log from where it was confirmed, for as long as nobody reads it: on a
 * disk without end. `max_slot_wal_keep_size` bounds that, at the price of losing the slot beyond it.
 * Watch `status()`, and `drop()` a slot that is not used any more.
 *
 * @throws {TypeError} If a name is none.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example A relay that is told by the log
 * ```ts ignore
 * import { memoryBroker } from "@sluice/cqrs";
 * import { outboxRelay } from "@sluice/cqrs/outbox";
 * import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
 * import { postgresLogTail } from "@sluice/cqrs/postgres-log";
 * import { Pool } from "pg";
 *
 * const connectionString = "postgres://localhost/app";
 * const storage = postgresStorage(fromPg(new Pool({ connectionString })), { appendTo: "log" });
 * const source = postgresLogTail({ storage, connection: connectionString });
 * await storage.migrate();
 * await source.prepare();
 *
 * const relay = outboxRelay({ source, broker: memoryBroker() }).run();
 * // api.get("/health", healthRoute({ log: () => source.status() }));
 * ```
 */
export function postgresLogTail(options: PostgresLogTailOptions): PostgresLogTail {
  return new LogTail(options);
}

class LogTail implements PostgresLogTail {
  readonly #storage: PostgresLogStorage;
  readonly #slot: string;
  readonly #publication: string;
  readonly #clock: Clock;
  readonly #parts: LogTailParts;
  readonly #subscribers: Set<{ readonly onWake: () => void }> = new Set();
  #isWaking = false;
  #isWakeDue = false;

  constructor(options: PostgresLogTailOptions) {
    const { storage, slot = "sluice_outbox", publication = slot, clock = systemClock } = options;
    const { pollMs = 1_000, standbyMs = 1_000, timeoutMs = 10_000, backoff = {} } = options;
    requireName("slot", slot);
    requireName("publication", publication);
    requireNumber("pollMs", pollMs, pollMs >= 0);
    requireNumber("standbyMs", standbyMs, Number.isFinite(standbyMs) && standbyMs > 0);
    requireNumber("timeoutMs", timeoutMs, Number.isFinite(timeoutMs) && timeoutMs > 0);
    const { log: access } = storage;
    const connection = connectionOf(options.connection);
    this.#storage = storage;
    this.#slot = slot;
    this.#publication = publication;
    this.#clock = clock;
    this.#parts = {
      access,
      store: new LogStore(access, slot),
      pollMs,
      standbyMs,
      clock,
      backoff: typeof backoff === "function"
        ? backoff
        : exponentialBackoff({ initialDelayMs: 100, maxDelayMs: 10_000, ...backoff }),
      look: () => lookAtSlot(access, slot),
      open: (confirmed, sink, signal) => {
        const { prefix } = access;
        const names = { slot, publication, prefix };
        const stream = { connection, ...names, confirmed, timeoutMs, clock, signal };
        return ReplicationStream.open(stream, sink);
      },
      onEvent: observing(options.observer),
      onWake: (from) => from === "log" ? this.#wake() : this.#wakeTable(),
    };
  }

  prepare(): Promise<void> {
    return makeSlot({ ...this.#parts, slot: this.#slot, publication: this.#publication });
  }

  drop(): Promise<void> {
    const names = { ...this.#parts, slot: this.#slot, publication: this.#publication };
    return dropSlot(names, this.#clock);
  }

  async status(): Promise<LogTailStatus> {
    const { isActive, lagBytes, retainedBytes, safeBytes, walStatus } = await this.#parts.look();
    return { slot: this.#slot, isActive, lagBytes, retainedBytes, safeBytes, walStatus };
  }

  async subscribe(onWake: () => void): Promise<AsyncDisposable> {
    const subscription = await this.#storage.outbox.subscribe(onWake);
    const subscriber = { onWake };
    this.#subscribers.add(subscriber);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#subscribers.delete(subscriber);
        await subscription[Symbol.asyncDispose]();
      },
    };
  }

  open(options: OutboxSessionOptions): OutboxSession {
    return new LogTailSession(this.#parts, options);
  }

  #wake(): void {
    for (const { onWake } of [...this.#subscribers]) onWake();
  }

  /** The storage tells its sessions, its subscribers, who are those of this source too, and other processes. */
  async #wakeTable(): Promise<void> {
    if (this.#isWaking) {
      this.#isWakeDue = true;
      return this.#wake();
    }
    this.#isWaking = true;
    do {
      this.#isWakeDue = false;
      await this.#storage.outbox.wake().catch(() => {}); // others look again after a while
    } while (this.#isWakeDue);
    this.#isWaking = false;
  }
}

function connectionOf(
  connection: string | LogConnectionOptions,
): Readonly<Record<string, unknown>> {
  return typeof connection === "string" ? { connectionString: connection } : { ...connection };
}

function observing(observer: ((event: LogTailEvent) => void) | undefined) {
  return (event: LogTailEvent): void => {
    try {
      observer?.(event);
    } catch {
      // A broken observer must not break what it observes.
    }
  };
}

function requireName(option: string, name: string): void {
  if (/^[a-z0-9_]{1,63}$/.test(name)) return;
  throw new TypeError(
    `Cannot read the log: ${option} must be 1 to 63 lower-case letters, digits and underscores, got "${name}"`,
  );
}

function requireNumber(option: string, value: number, isInRange: boolean): void {
  if (isInRange) return;
  throw new RangeError(`Cannot read the log: ${option} is out of its range, got ${value}`);
}
