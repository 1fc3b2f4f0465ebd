import type { NewSagaLogEntry, SagaAction, SagaLogEntry } from "./saga_store.ts";

/**
 * An entry of a log as a storage keeps it. Almost each one is followed by the start of another step: that
 * stands with the entry, as the id of the step, so that a checkpoint writes one row of the log and not two.
 */
export interface SagaLogRow extends NewSagaLogEntry {
  /** The step whose first attempt the next entry says to be started, of the same action as this one. */
  readonly next?: string | undefined;
}

/** The rows of entries. */
export function sagaLogRows(entries: readonly NewSagaLogEntry[]): readonly SagaLogRow[] {
  const rows: SagaLogRow[] = [];
  for (const entry of entries) {
    const last = rows.at(-1);
    const follows = last?.next === undefined && entry.action === last?.action;
    if (follows && last !== undefined && isStart(entry)) {
      rows[rows.length - 1] = { ...last, next: entry.step };
    } else rows.push(entry);
  }
  return rows;
}

/** The step that a saga begins with, if its log says nothing else: it stands with the saga. */
export function firstSagaStep(entries: readonly NewSagaLogEntry[]): string | undefined {
  const [first, ...others] = entries;
  return others.length === 0 && first?.action === "act" && isStart(first) ? first.step : undefined;
}

/** The start of a step that stands with the saga or with the entry before. */
export function sagaStepStart(
  number: number,
  action: SagaAction,
  step: string,
  at: Date,
): SagaLogEntry {
  return { number, action, step, status: "started", attempt: 1, at };
}

function isStart({ status, attempt, step, part, result, error }: NewSagaLogEntry): boolean {
  const isPlain = part === undefined && result === undefined && error === undefined;
  return status === "started" && attempt === 1 && step !== undefined && isPlain;
}
