import type { AnyMessage, ItemOf, SagaRequest } from "../message/mod.ts";
import type {
  ListedSaga,
  SagaFilter,
  SagaLogEntry,
  SagaRecord,
  SagaStatistics,
  SagaStatus,
} from "../storage/mod.ts";

/** What has become of one step of a saga. */
export interface SagaStepState {
  /** The id of the step. */
  readonly step: string;
  /**
   * - `"pending"`: it has not been begun.
   * - `"started"`: it was begun, and nobody knows yet how it ended.
   * - `"completed"`: it is done.
   * - `"skipped"`: somebody decided that it counts as done.
   * - `"failed"`: it has thrown.
   * - `"unknown"`: whether it has had its effect cannot be told.
   * - `"compensated"`: it is undone.
   * - `"compensation_failed"`: it could not be undone.
   */
  readonly status:
    | "pending"
    | "started"
    | "completed"
    | "skipped"
    | "failed"
    | "unknown"
    | "compensated"
    | "compensation_failed";
  /** What it, or undoing it, last failed with. */
  readonly error?: string | undefined;
}

/**
 * A saga as it stands.
 *
 * @typeParam S Where it stands.
 * @typeParam C The type of its context.
 */
export interface SagaReport<S extends SagaStatus = SagaStatus, C = unknown> {
  /** The id of the saga. */
  readonly id: string;
  /** The name of its definition. */
  readonly name: string;
  /** The version of its definition. */
  readonly version: number;
  /** Where it stands. */
  readonly status: S;
  /** Why nobody goes on with it until somebody says so; `undefined` if it is not parked. */
  readonly parkedReason: string | undefined;
  /** What it was started with, and what its steps have found out. */
  readonly context: C;
  /** Why it has turned back, or what keeps it from going on. */
  readonly error: string | undefined;
  /** What has become of its steps, in their order. */
  readonly steps: readonly SagaStepState[];
}

/** How far a saga has come: it is done, or it is not and has the part of its context that is there. */
export type SagaOutcome<C = unknown> =
  | SagaReport<"completed", C>
  | SagaReport<Exclude<SagaStatus, "completed">, Partial<C>>;

/** All that is known of a saga. */
export interface SagaHistory extends SagaRecord {
  /** Its log, the oldest entry first. */
  readonly log: readonly SagaLogEntry[];
}

/** What {@linkcode Sagas.start} has done. */
export interface SagaStart {
  /** The id of the saga. */
  readonly id: string;
  /** Whether it was started now; otherwise there was one with this id. */
  readonly isNew: boolean;
  /** Resolves when this process has done what it can for it; never rejects. */
  readonly settled: Promise<void>;
}

/** How the progress of a saga is followed. */
export interface SagaFollowOptions {
  /** Gives what comes behind the entry of its log with this number. @default {0} */
  readonly after?: number | undefined;
  /**
   * Whether it goes on while the saga waits for a signal, until the saga has ended or is parked.
   *
   * @default {false}
   */
  readonly untilEnd?: boolean | undefined;
  /** Ends it. @default never */
  readonly signal?: AbortSignal | undefined;
}

/** The sagas of an application, whoever has started them: what they have done, and what is to become of them. */
export interface Sagas {
  /**
   * Starts a saga and goes on with it in the background; resolves when it is stored, so that it is not lost
   * any more. If there is one with the same id it does nothing. How it ends the observer is told.
   *
   * @throws {HandlerNotFoundError} If nothing handles it.
   * @throws {SagaIdError} If its id is that of a saga with another name.
   * @throws {AppClosedError} If the application is disposed.
   */
  start(saga: SagaRequest): Promise<SagaStart>;
  /**
   * Gives what the steps of a saga have done and do, from its log, whichever process goes on with it, until
   * it has ended, is parked or waits for a signal, unless `untilEnd` says to wait with it. Leaving has no
   * effect on the saga.
   *
   * @throws {SagaNotFoundError} By the iteration, if there is no such saga of this definition.
   * @throws {SagaFailedError} By the iteration, at its end, if the saga was not completed.
   */
  follow<M extends AnyMessage & SagaRequest>(
    definition: ((...args: never[]) => M) & { readonly type: string },
    id: string,
    options?: SagaFollowOptions,
  ): AsyncGenerator<ItemOf<M>, undefined, void>;
  /**
   * Goes on with a saga that nobody has, at once and to its end, with the context that is stored. What has
   * ended or is parked stays as it is, and a saga whose log does not fit its definition is parked.
   *
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {SagaBusyError} If somebody has it.
   * @throws {SagaOperationError} If only another application knows it, or a newer version of this one.
   * @throws The reason of `signal`, if it aborts before: the step at hand is finished first.
   */
  recover(
    id: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SagaOutcome>;
  /**
   * Tells how a saga stands; `undefined` if there is none.
   *
   * @throws {SagaIncompatibleError} If its context is no JSON any more; `history` gives it as it is.
   */
  get(id: string): Promise<SagaOutcome | undefined>;
  /** Tells all that is known of a saga; `undefined` if there is none. */
  history(id: string): Promise<SagaHistory | undefined>;
  /**
   * Lists sagas, also those of other applications on the same storage, the one that was started first at the front.
   *
   * @throws {RangeError} If a number is out of its range.
   */
  list(filter?: SagaFilter): Promise<readonly ListedSaga[]>;
  /** Counts sagas, for health checks. */
  statistics(options?: { readonly maxCount?: number }): Promise<SagaStatistics>;
  /**
   * Lets a saga go on that is parked, with a new budget of attempts. As with all operations, the decision is
   * stored in its log, and a recovery goes on from there: a loop, a cron, or {@linkcode Sagas.recover} at once.
   *
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {SagaBusyError} If somebody has it.
   * @throws {SagaOperationError} If it has ended.
   */
  resume(id: string, decision?: SagaDecision): Promise<void>;
  /**
   * Has a step tried again, with a new budget of attempts: the one that a saga is at, or, of one that has
   * failed, one that could not be undone.
   *
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {SagaBusyError} If somebody has it.
   * @throws {SagaOperationError} If the saga has no such step, or the step is not one that can be tried again.
   */
  retryStep(id: string, step: string, decision?: SagaDecision): Promise<void>;
  /**
   * Has a step count as done, or as undone where undoing it has failed, as somebody has seen to that. Steps
   * behind it do not get what it would have added to the context.
   *
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {SagaBusyError} If somebody has it.
   * @throws {SagaOperationError} If the saga has no such step, or it is not at that step.
   */
  skipStep(id: string, step: string, decision?: SagaDecision): Promise<void>;
  /**
   * Has a saga turn back. If somebody has it, it does so once the step at hand has ended, and within two
   * thirds of its lease at the latest where it waits.
   *
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {SagaOperationError} If it has ended.
   */
  compensate(id: string, decision?: SagaDecision): Promise<void>;
  /**
   * Tells a saga something that it waits for, or will. What comes early is kept. A recovery goes on with a
   * saga that waits, as with {@linkcode Sagas.resume}.
   *
   * @param data Anything that JSON can carry.
   * @returns `"late"` if the saga has ended, which is counted and otherwise ignored.
   * @throws {SagaNotFoundError} If there is no such saga.
   * @throws {TypeError} If JSON cannot carry the data, or the name is none.
   */
  signal(
    id: string,
    name: string,
    data?: unknown,
    options?: { readonly signalId?: string | undefined },
  ): Promise<"stored" | "late">;
}

/** Why somebody has decided something about a saga. */
export interface SagaDecision {
  /** Is kept in the log. @default nothing */
  readonly reason?: string | undefined;
}
