import type { SagaOutcome, SagaStepState } from "../mediator/mod.ts";
import { hasSagaEnded, type SagaRecord } from "../storage/mod.ts";
import { SagaFailedError, SagaStepError } from "./saga_errors.ts";
import type { PartProgress, SagaProgress, StepProgress } from "./progress.ts";

type Known =
  & Pick<
    SagaRecord,
    "id" | "name" | "version" | "status" | "error" | "parkedReason"
  >
  & { readonly context: unknown };

/** How a saga stands, from what is stored and from its log. */
export function outcomeOf(record: Known, progress: SagaProgress | undefined): SagaOutcome {
  const { id, name, version, status, error, parkedReason } = record;
  return {
    id,
    name,
    version,
    status,
    parkedReason,
    context: record.context,
    error: status === "completed" ? undefined : error,
    steps: progress?.steps.map(stateOf) ?? [],
  } as SagaOutcome;
}

/** The error that says that a saga was not completed. */
export function failureOf(outcome: SagaOutcome, cause?: unknown): SagaFailedError {
  const { error } = outcome;
  const known = cause ?? (error === undefined ? undefined : new SagaStepError(error));
  return new SagaFailedError(
    outcome as SagaFailedError["outcome"],
    known === undefined ? {} : { cause: known },
  );
}

/**
 * What a call of a saga resolves to that stands so.
 *
 * @throws {SagaFailedError} If it is neither completed nor waits.
 */
export function settledAnswer(outcome: SagaOutcome, cause?: unknown): SagaOutcome {
  const isFine = outcome.status === "completed" ||
    outcome.status === "waiting" && outcome.parkedReason === undefined;
  if (isFine) return outcome;
  throw failureOf(outcome, cause);
}

/** Whether nothing will happen to a saga by itself. */
export function isAtRest(record: SagaRecord): boolean {
  const isWaiting = record.status === "waiting" && record.resumeInMs > 0;
  return isOnlyForPeople(record) || isWaiting;
}

/** Whether nothing will happen to a saga unless somebody decides about it. */
export function isOnlyForPeople(record: SagaRecord): boolean {
  return hasSagaEnded(record) || record.parkedReason !== undefined;
}

function stateOf(progress: StepProgress): SagaStepState {
  const { description: { id: step }, isSkipped, secondary, primary } = progress;
  if (isSkipped) return { step, status: "skipped" };
  const part = secondary ?? primary;
  const state = partState(part);
  // A primary that may have had its effect is undone with the secondary.
  const undone = secondary !== undefined && primary.compensation === "failed" ? primary : part;
  return undone === part ? { step, ...state } : { step, ...partState(undone) };
}

function partState(part: PartProgress): Omit<SagaStepState, "step"> {
  const { compensation, compensationError, error } = part;
  if (compensation === "completed") return { status: "compensated" };
  if (compensation === "skipped") return { status: "skipped" };
  if (compensation === "failed") return { status: "compensation_failed", error: compensationError };
  if (part.isCompleted) return { status: "completed" };
  if (part.isOpen) return { status: "started" };
  if (part.isUnknown) return { status: "unknown", error };
  return part.failures > 0 || error !== undefined
    ? { status: "failed", error }
    : { status: "pending" };
}
