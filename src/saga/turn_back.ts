import { decisionOf, type Entry } from "./entry.ts";
import type { Checkpoint, SagaRun } from "./saga_run.ts";

/**
 * The checkpoint with which a saga turns back: behind `entries`, which its progress has taken in, the
 * decision, and the start of the first compensation.
 */
export function turnBack(run: SagaRun, entries: readonly Entry[], reason: string): Checkpoint {
  const { entries: more = [], ...rest } = run.following([decisionOf("turn_back", reason)]);
  return { ...rest, entries: [...entries, ...more], error: reason, hasProgressed: true };
}
