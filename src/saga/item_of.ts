import type { NewSagaLogEntry } from "../storage/mod.ts";
import type { StepDescription } from "./description.ts";
import type { SagaItem } from "./items.ts";

/** What an entry of a log tells whoever follows a saga; `undefined` if nothing. */
export function itemOf(
  sagaId: string,
  steps: readonly StepDescription[],
  { number, action, step: name, status, attempt, result, error = "" }: NewSagaLogEntry,
): SagaItem | undefined {
  if (name === undefined) return undefined;
  const base = { sagaId, number, name };
  if (action === "skip") return { ...base, status: "skipped" };
  if (action !== "act" && action !== "compensate") return undefined;
  switch (status) {
    case "started": {
      const isWait = steps.some(({ id, kind }) => id === name && kind === "wait");
      return isWait ? { ...base, status: "waiting" } : undefined;
    }
    case "completed":
      if (action === "compensate") return { ...base, status: "compensated" };
      return { ...base, status, result: result === undefined ? undefined : JSON.parse(result) };
    case "failed":
      if (action === "compensate") {
        return { ...base, status: "compensation_failed", attempt, error };
      }
      return { ...base, status, attempt, error };
    case "retrying":
    case "unknown":
      return { ...base, status, attempt, error };
    case "postponed":
      return undefined;
  }
}
