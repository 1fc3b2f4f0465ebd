import type { DeadLetter, PurgeOptions } from "./outbox_store.ts";
import type { StorageTransaction } from "./storage.ts";

/** What an inbox knows of a message that is about to be handled. */
export interface InboxStart {
  /** Whether it was handled. */
  readonly isHandled: boolean;
  /** How often it was begun before and not ended: how many processes may have died of it. */
  readonly starts: number;
}

/** A message that a consumer has given up. */
export interface InboxDeadLetter extends DeadLetter {
  /** The consumer that has given it up. */
  readonly consumer: string;
  /** Where it stands among all that were given up; only {@linkcode InboxDeadLetterFilter.after} understands it. */
  readonly position: string;
}

/** What is to become a dead letter of a consumer. */
export type BuriedMessage = Pick<InboxDeadLetter, "consumer" | "envelope" | "attempts" | "error">;

/** Which dead letters {@linkcode InboxDeadLetters.list} gives. */
export interface InboxDeadLetterFilter {
  /** Those of this consumer alone. @default all consumers */
  readonly consumer?: string | undefined;
  /** How many at the most, a positive integer up to 1,000. @default {100} */
  readonly limit?: number;
  /** Those that come behind the one with this position, which may be gone. @default from the oldest on */
  readonly after?: string | undefined;
}

/** The messages that consumers have given up. */
export interface InboxDeadLetters<Tx extends StorageTransaction = StorageTransaction> {
  /** Lists dead letters, the one that was given up first at the front. */
  list(filter?: InboxDeadLetterFilter): Promise<readonly InboxDeadLetter[]>;
  /** Deletes dead letters of a consumer for good, by the ids of their messages. Resolves to how many there were. */
  discard(consumer: string, messageIds: readonly string[]): Promise<number>;
  /**
   * Takes a dead letter out as a part of a transaction, to be handled in it. `undefined` if there is none,
   * or another transaction takes it at the same time and is committed first.
   */
  take(tx: Tx, consumer: string, messageId: string): Promise<InboxDeadLetter | undefined>;
}

/** What an inbox holds, for health checks. */
export interface InboxStatistics {
  /** How many messages were given up and wait for somebody, counted up to `maxCount`. */
  readonly deadLetters: number;
  /** When the oldest of them was given up; `undefined` if there is none. */
  readonly oldestDeadLetterAt: Date | undefined;
}

/** What {@linkcode InboxStore.claim} found under a key. */
export type InboxClaim =
  /** Nothing: it is the caller's now, until the lease ends or it completes or releases it. */
  | { readonly state: "claimed" }
  /** Somebody is at work, for so many milliseconds at the most unless the lease is renewed. */
  | { readonly state: "running"; readonly leftMs: number }
  /** It was done, with this answer. */
  | { readonly state: "done"; readonly answer: Uint8Array }
  /** It was used for something else. */
  | { readonly state: "mismatch" };

/** What is claimed. */
export interface InboxClaimOptions {
  /** Tells the payload from others: a claim with the same key and another fingerprint is a mismatch. */
  readonly fingerprint: string;
  /** Names whoever claims, different from all others, at each attempt. */
  readonly owner: string;
  /** After how many milliseconds others may claim it, if it is neither completed nor released; above 0. */
  readonly leaseMs: number;
}

/**
 * Which messages were handled: a consumer handles each once, though a broker delivers it again. The record
 * is made in the transaction in which the message is handled, so both take effect or neither.
 *
 * Consumers are told apart by their names. Two messages with one id are the same message.
 *
 * @typeParam Tx The type of the storage's transactions.
 */
export interface InboxStore<Tx extends StorageTransaction = StorageTransaction> {
  /** What consumers have given up. */
  readonly deadLetters: InboxDeadLetters<Tx>;
  /**
   * Notes that messages are about to be handled, and tells for each, in their order, what was known of it
   * before. Those that were begun before or are handled are left as they are; the others count as begun
   * once.
   */
  begin(consumer: string, messageIds: readonly string[]): Promise<readonly InboxStart[]>;
  /** Notes that a message is about to be handled that was begun before: it counts once more. */
  beginAgain(consumer: string, messageId: string): Promise<void>;
  /** Undoes the last `begin` or `beginAgain` of messages that are not handled, as they are left to others. */
  release(consumer: string, messageIds: readonly string[]): Promise<void>;
  /**
   * Records messages as handled, as a part of a transaction, and tells for each, in their order, whether it
   * was not before. Of an id that is given twice the second was. If another transaction records one at the
   * same time, this one waits for it, or fails with a `ConcurrencyError` at its commit.
   */
  record(tx: Tx, consumer: string, messageIds: readonly string[]): Promise<readonly boolean[]>;
  /** Stores a message that was given up, as a part of a transaction, in which it is also recorded. */
  bury(tx: Tx, letter: BuriedMessage): Promise<void>;
  /**
   * Claims a key, so that what it stands for is done once.
   *
   * @throws {RangeError} If the lease is out of its range.
   */
  claim(scope: string, key: string, options: InboxClaimOptions): Promise<InboxClaim>;
  /**
   * Stores the answer under a key that `owner` has claimed, as a part of a transaction if there is one. It
   * resolves to whether it did: not, if the claim has ended and somebody else has claimed or completed it.
   */
  complete(
    tx: Tx | undefined,
    scope: string,
    key: string,
    done: { readonly owner: string; readonly answer: Uint8Array },
  ): Promise<boolean>;
  /** Gives up a claim of `owner`, so that the next one may try. */
  abandon(scope: string, key: string, owner: string): Promise<void>;
  /**
   * Deletes what was recorded, begun or completed so long ago, the oldest first; never dead letters. What
   * is delivered again after that is handled again, so keep it longer than the broker keeps messages.
   *
   * @returns How many were deleted; fewer than `limit` when none is left.
   * @throws {RangeError} If a number is out of its range.
   */
  purge(options: PurgeOptions): Promise<number>;
  /** Tells what the inbox holds. */
  statistics(options?: { readonly maxCount?: number }): Promise<InboxStatistics>;
}
