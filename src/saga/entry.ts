import { errorText, type NewSagaLogEntry } from "../storage/mod.ts";
import type { NextAction } from "./progress.ts";

/** The signal that asks a saga to turn back. Those of applications cannot be called so. */
export const TURN_BACK = "$turn_back";

/** An entry before it has its number. */
export type Entry = Omit<NewSagaLogEntry, "number">;

/** The part of an entry that names an action. */
export function actionOf(
  { type, step, part, attempt }: NextAction & { readonly type: "act" | "compensate" },
): Omit<Entry, "status"> {
  const { id } = step.description;
  return part === "primary"
    ? { action: type, step: id, attempt }
    : { action: type, step: id, attempt, part };
}

/** The entry that says what was decided about a saga, or about a step of it, and why. */
export function decisionOf(
  action: Exclude<Entry["action"], "act" | "compensate">,
  error: string | undefined,
  step?: string,
): Entry {
  return { action, step, status: "completed", attempt: 1, error };
}

/** The text of what something has failed with. */
export function textOf(error: unknown): string {
  return errorText(error) || "something that has no text";
}
