import { attemptAt, begin, postpone } from "./act.ts";
import type { StepPart } from "./description.ts";
import type { NextAction } from "./progress.ts";
import { actionOf, textOf } from "./entry.ts";
import type { SagaRun } from "./saga_run.ts";
import { turnBack } from "./turn_back.ts";

/** Has a step undone, and writes down what has become of that. */
export async function runCompensation(
  run: SagaRun,
  next: NextAction & { readonly type: "act" | "compensate" },
): Promise<void> {
  if (!next.isOpen) await begin(run, next);
  const { step, part, attempt: number } = next;
  const outcome = step.part(part).isCompleted ? "completed" : "unknown";
  const { isWritten, error } = await attemptAt(run, next, {
    additions: { outcome },
    checkpoint: () => ({
      ...run.following([{ ...actionOf(next), status: "completed" }]),
      hasProgressed: true,
    }),
  });
  if (isWritten) return;
  const { compensateRetry } = step.describe(part) as StepPart;
  const text = textOf(error);
  if (number < compensateRetry.maxAttempts && compensateRetry.when(error)) {
    const entry = { ...actionOf(next), status: "retrying", error: text } as const;
    return await postpone(run, entry, run.error ?? text, compensateRetry.backoff(number));
  }
  const failed = { ...actionOf(next), status: "failed", error: text } as const;
  if (!run.progress.isBack) { // a primary, before its secondary
    run.cause = error;
    run.progress.apply(failed);
    return await run.write(turnBack(run, [failed], `Step "${step.description.id}": ${text}`));
  }
  await run.write({ ...run.following([failed]), hasProgressed: true });
}
