import type { Envelope } from "../message/mod.ts";
import type { PurgeOptions } from "./outbox_store.ts";

/**
 * Where a saga stands.
 *
 * - `"running"`: its steps are done, one after the other.
 * - `"waiting"`: it waits for a signal.
 * - `"compensating"`: it has turned back, and what its steps did is undone.
 * - `"completed"`: all steps are done.
 * - `"compensated"`: all that was done is undone.
 * - `"failed"`: something could not be undone; somebody has to look at it.
 */
export type SagaStatus =
  | "running"
  | "waiting"
  | "compensating"
  | "completed"
  | "compensated"
  | "failed";

/**
 * What an entry of a log tells about: a step's act or compensation, or what somebody decided about the
 * saga: to try a step again, to skip it, to go on (`"resume"`), to turn back, or to leave it alone (`"park"`).
 */
export type SagaAction =
  | "act"
  | "compensate"
  | "retry"
  | "skip"
  | "resume"
  | "turn_back"
  | "park";

/**
 * How it ended.
 *
 * - `"started"`: it was begun; if no other entry follows, whether it has had its effect cannot be told.
 * - `"completed"`: it is done.
 * - `"retrying"`: it has failed, and is tried again, or the secondary of its step is.
 * - `"failed"`: it has failed for good.
 * - `"unknown"`: whether it has had its effect cannot be told, as a time limit has passed or its process died.
 * - `"postponed"`: what was to be started next was not begun after all.
 */
export type SagaEntryStatus =
  | "started"
  | "completed"
  | "retrying"
  | "failed"
  | "unknown"
  | "postponed";

/** One line of the log of a saga. */
export interface SagaLogEntry {
  /** Its place in the log of its saga, from 1, without gaps. */
  readonly number: number;
  /** What it tells about. */
  readonly action: SagaAction;
  /** The id of the step; `undefined` for what concerns the whole saga. */
  readonly step?: string | undefined;
  /** How it ended. */
  readonly status: SagaEntryStatus;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** Which handler of a step with a fallback; `undefined` for the primary, and for steps without. */
  readonly part?: "secondary" | undefined;
  /** What the act has returned, as JSON; `undefined` for nothing. */
  readonly result?: string | undefined;
  /** What it failed with, or why something was decided. */
  readonly error?: string | undefined;
  /** When it was written, by the clock of the storage. */
  readonly at: Date;
}

/** An entry that is to be written; the storage adds the time. */
export type NewSagaLogEntry = Omit<SagaLogEntry, "at">;

/** A saga as a storage keeps it. Times that decide anything are relative to the storage's clock. */
export interface SagaRecord {
  /** Identifies the saga. */
  readonly id: string;
  /** The name of its definition. */
  readonly name: string;
  /** The version of its definition, a positive integer. */
  readonly version: number;
  /** Where it stands. */
  readonly status: SagaStatus;
  /** What its steps work with and have found out, as JSON. */
  readonly context: string;
  /** The metadata of the message that has started it, as JSON. */
  readonly metadata: string;
  /** Counts the writes by owners. A write needs the present one, so that who has lost the saga writes nothing. */
  readonly revision: number;
  /** How often it was claimed since it last got on. */
  readonly attempts: number;
  /** Why it has turned back, or what keeps it from going on. */
  readonly error: string | undefined;
  /** Why nobody goes on with it until somebody says so; `undefined` if it is not parked. */
  readonly parkedReason: string | undefined;
  /** Who has it; `undefined` if nobody. */
  readonly owner: string | undefined;
  /** How long its owner has it still, in milliseconds; 0 if nobody has. */
  readonly leaseLeftMs: number;
  /** For how long it is to be left alone, in milliseconds: 0 if it can go on, `Infinity` if only a signal or an operation wakes it. */
  readonly resumeInMs: number;
  /** How many signals wait for it. */
  readonly signals: number;
  /** When it was started. */
  readonly createdAt: Date;
  /** When it was last written. */
  readonly updatedAt: Date;
}

/** A saga with its whole log. */
export interface SagaSnapshot {
  /** The saga. */
  readonly record: SagaRecord;
  /** Its log, the oldest entry first. */
  readonly log: readonly SagaLogEntry[];
}

/** For whom, and for how long, a saga is claimed. */
export interface SagaLease {
  /** Names whoever claims, different from all others. */
  readonly owner: string;
  /** After how many milliseconds others may claim it if its owner is silent, a finite number above 0. */
  readonly leaseMs: number;
}

/** A saga that is to be started. */
export interface NewSaga
  extends Pick<SagaRecord, "id" | "name" | "version" | "context" | "metadata"> {
  /** Where it stands at once. */
  readonly status: SagaStatus;
  /** The first entries of its log, numbered from 1. */
  readonly entries: readonly NewSagaLogEntry[];
}

/** What one checkpoint writes: all of it or nothing. What is left out stays as it is. */
export interface SagaChange {
  /** Where the saga stands now. */
  readonly status?: SagaStatus | undefined;
  /** Takes the place of the context, as JSON. */
  readonly context?: string | undefined;
  /** Why it has turned back, or what keeps it from going on; `null` forgets it. */
  readonly error?: string | null | undefined;
  /** Parks it, for this reason; `null` takes that back. */
  readonly parkedReason?: string | null | undefined;
  /** Whether it has got on, so that the count of attempts begins anew. @default {false} */
  readonly hasProgressed?: boolean | undefined;
  /** More entries of the log, numbered on from its last. @default none */
  readonly entries?: readonly NewSagaLogEntry[] | undefined;
  /** Messages to be published, which are stored in the outbox with it. @default none */
  readonly messages?: readonly Envelope[] | undefined;
  /** The ids of signals that have been taken in, and leave the mailbox. @default none */
  readonly consumed?: readonly string[] | undefined;
  /** For how long its owner has it from now on, in milliseconds; 0 gives it up. */
  readonly leaseMs: number;
  /** For how long it is to be left alone, in milliseconds; `Infinity` until a signal or an operation. @default {0} */
  readonly resumeInMs?: number | undefined;
}

/** What is known of a saga that was just written or kept. */
export interface SagaHold {
  /** The revision that the next write needs. */
  readonly revision: number;
  /** How many signals wait for the saga. */
  readonly signals: number;
}

/** Something that a saga is told from outside. */
export interface SagaSignal {
  /** Identifies it: the same id twice is one signal, as long as the first has not been taken in. */
  readonly id: string;
  /** What it is called. */
  readonly name: string;
  /** What it says, as JSON; `undefined` for nothing. */
  readonly data: string | undefined;
  /** When it was stored. */
  readonly at: Date;
}

/** Which sagas {@linkcode SagaStore.claimDue} claims. */
export interface SagaClaimOptions extends SagaLease {
  /** Those of these definitions alone. */
  readonly names: readonly string[];
  /** How many at the most, a positive integer up to 1,000. */
  readonly limit: number;
  /** Those that were last written at least so long ago, in milliseconds. @default {0} */
  readonly idleMs?: number | undefined;
  /**
   * How long beyond the lease a saga that does not get on is left alone, in milliseconds: the first time
   * so long, then twice as long each time.
   *
   * @default {0}
   */
  readonly backoffMs?: number | undefined;
  /** The longest that it is left alone, in milliseconds. @default {300_000} */
  readonly maxBackoffMs?: number | undefined;
}

/** Which sagas {@linkcode SagaStore.list} gives. */
export interface SagaFilter {
  /** Those of this definition alone. @default all */
  readonly name?: string | undefined;
  /** Those that stand so. @default wherever they stand */
  readonly status?: SagaStatus | readonly SagaStatus[] | undefined;
  /** Those that are parked, or those that are not. @default both */
  readonly isParked?: boolean | undefined;
  /** Those that were started at least so long ago, in milliseconds. @default {0} */
  readonly minAgeMs?: number | undefined;
  /** How many at the most, a positive integer up to 1,000. @default {100} */
  readonly limit?: number | undefined;
  /** Those that come behind the one with this position, which may be gone. @default from the oldest on */
  readonly after?: string | undefined;
}

/** A saga in a list. */
export interface ListedSaga extends SagaRecord {
  /** Where it stands among all; only {@linkcode SagaFilter.after} understands it. */
  readonly position: string;
}

/** What a storage holds of sagas, for health checks. Numbers are counted up to `maxCount`. */
export interface SagaStatistics {
  /** How many go on or could, without those that are parked. */
  readonly running: number;
  /** How many wait for a signal, without those that are parked. */
  readonly waiting: number;
  /** How many have turned back, without those that are parked. */
  readonly compensating: number;
  /** How many have failed and wait for somebody. */
  readonly failed: number;
  /** How many are parked and wait for somebody. */
  readonly parked: number;
  /** For how long the one that could be recovered the longest has waited for that, in milliseconds; `undefined` if there is none. */
  readonly oldestDueMs: number | undefined;
  /** How many signals came when their saga had ended. */
  readonly lateSignals: number;
}

/**
 * Sagas with their logs. Whoever goes on with a saga has claimed it, and every write needs the revision
 * that the one before has given, so that nobody who has lost a saga writes anything.
 *
 * A storage knows nothing of steps: what an entry means, the runner of sagas decides.
 */
export interface SagaStore {
  /**
   * Starts a saga, claimed. Resolves to whether it did: not, if there is one with this id.
   *
   * @throws {RangeError} If the lease is out of its range.
   * @throws {TypeError} If the storage takes no such id or name, as it is too long for it.
   */
  create(saga: NewSaga, lease: SagaLease): Promise<boolean>;
  /** Reads a saga; `undefined` if there is none. */
  load(id: string): Promise<SagaSnapshot | undefined>;
  /**
   * Claims a saga that nobody has, wherever it stands, and counts that as an attempt; `undefined` if
   * somebody has it, or there is none. The snapshot has the new revision.
   *
   * @throws {RangeError} If the lease is out of its range.
   */
  claim(id: string, lease: SagaLease): Promise<SagaSnapshot | undefined>;
  /**
   * Claims sagas that have not ended, are not parked, that nobody has and whose time has come, the one
   * that could be claimed the longest first. No two calls claim the same one.
   *
   * @throws {RangeError} If a number is out of its range.
   */
  claimDue(options: SagaClaimOptions): Promise<readonly SagaSnapshot[]>;
  /**
   * Writes to a saga, if `revision` is the present one, and raises that; otherwise it resolves to
   * `undefined` and nothing is written.
   *
   * @throws {TypeError} If a message cannot be stored.
   */
  checkpoint(id: string, revision: number, change: SagaChange): Promise<SagaHold | undefined>;
  /**
   * Keeps sagas for their owner: each for `leaseMs` milliseconds from now, whatever was left. Tells for
   * each, in their order, what is known of it; `undefined` if its revision is another one now.
   */
  keep(
    holds: ReadonlyArray<{ readonly id: string; readonly revision: number }>,
    leaseMs: number,
  ): Promise<ReadonlyArray<SagaHold | undefined>>;
  /**
   * Puts a signal into the mailbox of a saga, and wakes the saga if it waits: it is due then. `"late"` if
   * it has ended, which is counted and otherwise ignored; `undefined` if there is none.
   *
   * @throws {TypeError} If the storage takes no such id or name, as it is too long for it.
   */
  signal(
    id: string,
    signal: Omit<SagaSignal, "at">,
  ): Promise<"stored" | "late" | undefined>;
  /** Reads the mailbox of a saga, the oldest signal first. */
  signals(id: string): Promise<readonly SagaSignal[]>;
  /**
   * Lists sagas, the one that was started first at the front.
   *
   * @throws {RangeError} If a number is out of its range.
   */
  list(filter?: SagaFilter): Promise<readonly ListedSaga[]>;
  /**
   * Tells what the storage holds of sagas.
   *
   * @param options.maxCount How far it counts. @default {10_000}
   * @throws {RangeError} If `maxCount` is out of its range.
   */
  statistics(options?: { readonly maxCount?: number }): Promise<SagaStatistics>;
  /**
   * Deletes sagas that were completed or compensated so long ago, with their logs, the oldest first;
   * never those that failed.
   *
   * @returns How many were deleted; fewer than `limit` when none is left.
   * @throws {RangeError} If a number is out of its range.
   */
  purge(options: PurgeOptions): Promise<number>;
}
