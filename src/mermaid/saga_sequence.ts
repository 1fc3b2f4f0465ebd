import { indent } from "./diagram.ts";
import {
  type DrawnAct,
  type DrawnPart,
  type DrawnStep,
  drawnSteps,
  partsOf,
  retryText,
  waitText,
} from "./saga_parts.ts";
import type { DiagramSaga } from "./source.ts";
import { nameText } from "./text.ts";

/** The lines of a sequence diagram of a saga. */
export function sagaSequence(saga: DiagramSaga): string[] {
  const steps = drawnSteps(saga);
  const head = [`participant S as Saga ${nameText(saga.type)}`, ...steps.flatMap(participants)];
  const last = steps.at(-1);
  if (last === undefined) return [...head, "Note over S: No steps configured"];
  const done = steps.slice(0, -1);
  return [
    ...head,
    "",
    "Note over S: Successful Execution Flow",
    ...steps.flatMap(success),
    "Note over S: Saga Completed",
    "",
    "Note over S: Failure & Compensation Flow",
    ...done.flatMap(success),
    ...failure(last),
    "",
    ...compensation(done),
    "Note over S: Saga Compensated",
  ];
}

function participants(step: DrawnStep): string[] {
  if (step.kind === "wait") return [`participant ${step.id} as ${step.text}`];
  return partsOf(step).map(({ id, text }) => `participant ${id} as ${text}`);
}

function act(part: DrawnPart): string {
  return [`S->>${part.id}: act()`, retryText(part)].filter(Boolean).join(", ");
}

function success(step: DrawnStep): string[] {
  if (step.kind === "wait") {
    return [
      `Note over S: Waits for ${waitText(step.step)}`,
      `${step.id}-)S: signal ${nameText(step.step.signal)}`,
    ];
  }
  const { primary, secondary } = step;
  if (secondary === undefined) return [act(primary), `${primary.id}-->>S: success`];
  return [
    act(primary),
    "alt success",
    ...indent([`${primary.id}-->>S: success`]),
    `else ${refusal(step)}`,
    ...indent([
      `${primary.id}--xS: error`,
      "Note over S: Fallback triggered",
      act(secondary),
      `${secondary.id}-->>S: success`,
    ]),
    "end",
  ];
}

function refusal({ step }: DrawnAct): string {
  return step.fallback.circuitBreaker === undefined ? "error" : "error, or the circuit is open";
}

/** What makes the saga turn back. */
function failure(step: DrawnStep): string[] {
  if (step.kind === "wait") {
    return [
      `Note over S: Waits for ${waitText(step.step)}`,
      step.step.timeoutMs === Infinity
        ? "Note over S: It is told to turn back"
        : "Note over S: The signal does not come in time",
    ];
  }
  const { primary, secondary } = step;
  const failed = [act(primary), `${primary.id}--xS: error`];
  if (secondary === undefined) return failed;
  return [
    ...failed,
    "Note over S: Fallback triggered",
    act(secondary),
    `${secondary.id}--xS: error`,
  ];
}

function compensation(done: readonly DrawnStep[]): string[] {
  const acts = done.filter((step) => step.kind === "act").toReversed();
  if (acts.length === 0) return ["Note over S: No compensation needed"];
  return ["Note over S: Compensation (reverse order)", ...acts.flatMap(compensate)];
}

/** Of a step with a fallback, the one that has acted is compensated. */
function compensate(step: DrawnAct): string[] {
  const { primary, secondary } = step;
  if (secondary === undefined) return compensatePart(primary);
  return [
    `alt ${primary.text} has acted`,
    ...indent(compensatePart(primary)),
    `else ${secondary.text} has acted`,
    ...indent(compensatePart(secondary)),
    "end",
  ];
}

function compensatePart({ id, compensate }: DrawnPart): string[] {
  if (compensate === undefined) return [`Note over ${id}: Has no compensation`];
  return [`S->>${id}: compensate()`, `${id}-->>S: success`];
}
