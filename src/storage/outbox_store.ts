import type { Envelope, Notification } from "../message/mod.ts";
import type { OutboxSession, OutboxSessionOptions } from "./outbox_session.ts";
import type { StorageTransaction } from "./storage.ts";

/** What an outbox holds, for health checks and dashboards. */
export interface OutboxStatistics {
  /**
   * How many messages have not been published, those of waiting and parked keys among them, but no
   * dead letters. It is counted up to {@linkcode OutboxStatisticsOptions.maxCount}; more are reported as that.
   */
  readonly pending: number;
  /** How long the oldest of them has been stored, in milliseconds; `undefined` if there is none. */
  readonly oldestAgeMs: number | undefined;
  /** How many keys wait until a failed message is tried again. Messages without a key are none. */
  readonly waitingKeys: number;
  /** How many keys wait for somebody to requeue or discard a dead letter, with or without messages behind it. */
  readonly parkedKeys: number;
  /** How many messages were given up, counted as `pending` is. */
  readonly deadLetters: number;
}

/** How {@linkcode OutboxStore.statistics} counts. */
export interface OutboxStatisticsOptions {
  /**
   * How far it counts, a positive integer or `Infinity`, so that a health check stays fast whatever
   * the backlog.
   *
   * @default {10_000}
   */
  readonly maxCount?: number;
}

/** A message that was given up after its last attempt. */
export interface DeadLetter {
  /** The message. */
  readonly envelope: Envelope;
  /** How often it was tried. */
  readonly attempts: number;
  /** What the last attempt failed with. */
  readonly error: string;
  /** When it was given up. */
  readonly diedAt: Date;
}

/** Which dead letters {@linkcode DeadLetters.list} gives. */
export interface DeadLetterFilter {
  /** Those of this topic alone. @default all topics */
  readonly topic?: string | undefined;
  /** How many at the most, a positive integer up to 1,000. @default {100} */
  readonly limit?: number;
  /**
   * Those that come behind the dead letter with this id, the last if there are several. If there is
   * none, as it was requeued or discarded meanwhile, all.
   *
   * @default from the oldest on
   */
  readonly after?: string | undefined;
}

/** The messages of an outbox that were given up, and what can be done with them. */
export interface DeadLetters {
  /**
   * Lists dead letters, the one that was given up first at the front.
   *
   * @throws {RangeError} If the limit is out of its range.
   */
  list(filter?: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  /**
   * Puts dead letters back at their places, to be tried again with a new budget of attempts. Their
   * keys go on with them, up to the next dead letter that parks them.
   *
   * @param ids The ids of the messages; those that are no dead letters are passed over. Of several
   * with the same id all are put back.
   * @returns How many were put back.
   */
  requeue(ids: readonly string[]): Promise<number>;
  /**
   * Deletes dead letters for good. A key goes on with the next message when the last one before it
   * is gone.
   *
   * @param ids The ids of the messages; those that are no dead letters are passed over. Of several
   * with the same id all are deleted.
   * @returns How many were deleted.
   */
  discard(ids: readonly string[]): Promise<number>;
}

/** Which published messages {@linkcode OutboxStore.purge} deletes. */
export interface PurgeOptions {
  /** Those that were published at least so long ago, in milliseconds, a finite number; 0 are all. */
  readonly olderThanMs: number;
  /** How many at the most, a positive integer. @default {1_000} */
  readonly limit?: number;
}

/**
 * Messages that were stored together with what they tell about, and are published by a relay.
 *
 * Messages of one topic and key form a lane. Of two messages of one lane, if the second was appended
 * after the transaction of the first had committed, the first is read first, whatever fails meanwhile.
 *
 * @typeParam Tx The type of the storage's transactions.
 */
export interface OutboxStore<Tx extends StorageTransaction = StorageTransaction> {
  /** What was given up. */
  readonly deadLetters: DeadLetters;
  /**
   * Stores messages as a part of a transaction: they are published if it commits. Their bytes and
   * headers are final from here on. It stores whatever it is given, in the order in which it is
   * given, also a message whose id is stored already.
   *
   * If it refuses one, none is stored, and the transaction goes on as if nothing had been asked.
   *
   * @param messages Notifications, or envelopes that were made of some.
   * @throws {TypeError} If one is no notification, or the transaction has ended.
   * @throws {UnknownNotificationError} If the storage was told its notifications and this is none of them.
   * @throws {MessageEncodeError} If one cannot be encoded.
   */
  append(tx: Tx, messages: ReadonlyArray<Notification | Envelope>): Promise<void>;
  /** Stores messages in a transaction of their own; see {@linkcode OutboxStore.append}. */
  store(messages: ReadonlyArray<Notification | Envelope>): Promise<void>;
  /**
   * Wakes the relays that wait. It is needed only after a transaction that the application itself has
   * opened and committed; otherwise those would find the messages at their next look.
   */
  wake(): Promise<void>;
  /**
   * Calls `onWake` whenever there may be something to publish, until the result is disposed. It is a
   * hint: it may come for nothing, and may fail to come. An implementation always calls it for the
   * transactions, `store`, `wake`, `requeue` and `discard` of this very object, before their promise
   * resolves, and for those of other processes where it is set up to. It is not called for what was
   * rolled back.
   *
   * @param onWake Must not throw.
   */
  subscribe(onWake: () => void): Promise<AsyncDisposable>;
  /**
   * Opens a session of a relay; it takes nothing before it is read.
   *
   * @throws {RangeError} If the lease is out of its range.
   */
  open(options: OutboxSessionOptions): OutboxSession;
  /**
   * Tells what the outbox holds.
   *
   * @throws {RangeError} If `maxCount` is out of its range.
   */
  statistics(options?: OutboxStatisticsOptions): Promise<OutboxStatistics>;
  /**
   * Deletes messages that were kept after they had been published, the oldest first; also where
   * none are kept any more.
   *
   * @returns How many were deleted; fewer than `limit` when none is left.
   * @throws {RangeError} If a number is out of its range.
   */
  purge(options: PurgeOptions): Promise<number>;
}
