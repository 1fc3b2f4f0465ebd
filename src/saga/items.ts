/** What every item of the progress of a saga says. */
export interface SagaItemBase<S extends string> {
  /** The id of the saga. */
  readonly sagaId: string;
  /** The place in the log of the saga, from 1, rising. */
  readonly number: number;
  /** The id of the step. */
  readonly name: S;
}

/**
 * A part of the progress of a saga.
 *
 * - `"completed"`: the step is done, with what it has added to the context.
 * - `"skipped"`: somebody decided that the step counts as done, or as undone.
 * - `"waiting"`: the step waits for a signal.
 * - `"retrying"`: an attempt has failed, and there will be another.
 * - `"failed"`: the step has failed for good.
 * - `"unknown"`: nobody can tell whether the step has had its effect, as a time limit has passed.
 * - `"compensated"`: the step is undone.
 * - `"compensation_failed"`: the step could not be undone.
 *
 * @typeParam S The id of the step.
 * @typeParam R What it adds to the context.
 */
export type SagaItem<S extends string = string, R = unknown> =
  | SagaItemBase<S> & { readonly status: "completed"; readonly result: R }
  | SagaItemBase<S> & { readonly status: "skipped" | "waiting" | "compensated" }
  | SagaItemBase<S> & {
    readonly status: "retrying" | "failed" | "unknown" | "compensation_failed";
    readonly attempt: number;
    readonly error: string;
  };
