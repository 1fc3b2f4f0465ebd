import type { ActingStep, StepDescription, StepPart, WaitingStep } from "../saga/mod.ts";
import type { DiagramSaga } from "./source.ts";
import { attemptsText, durationText, nameText } from "./text.ts";

/** One that acts, as diagrams name it. */
export interface DrawnPart extends StepPart {
  /** What it is called within the diagram, where names may be the same: `S1`, or `F1` for a fallback. */
  readonly id: string;
  /** Its name, escaped. */
  readonly text: string;
}

/** A step that acts, as diagrams name it. */
export interface DrawnAct {
  readonly kind: "act";
  readonly step: ActingStep;
  readonly primary: DrawnPart;
  readonly secondary: DrawnPart | undefined;
}

/** A step that waits, as diagrams name it. */
export interface DrawnWait {
  readonly kind: "wait";
  readonly step: WaitingStep;
  readonly id: string;
  readonly text: string;
}

/** A step, as diagrams name it. */
export type DrawnStep = DrawnAct | DrawnWait;

/** The steps of a saga in their order, with the names that they have in all diagrams. */
export function drawnSteps({ steps }: DiagramSaga): readonly DrawnStep[] {
  return steps.map(drawStep);
}

function drawStep(step: StepDescription, index: number): DrawnStep {
  const number = index + 1;
  if (step.kind === "wait") {
    return { kind: "wait", step, id: `S${number}`, text: nameText(step.id) };
  }
  const { primary, secondary } = step;
  return {
    kind: "act",
    step,
    primary: { ...primary, id: `S${number}`, text: nameText(primary.label) },
    secondary: secondary &&
      { ...secondary, id: `F${number}`, text: nameText(secondaryName(step, secondary)) },
  };
}

/** A fallback without a name of its own has that of its step, as the primary may have. */
function secondaryName({ id }: ActingStep, { label }: StepPart): string {
  return label === id ? `fallback of ${id}` : label;
}

/** The parts of a step that act. */
export function partsOf({ primary, secondary }: DrawnAct): readonly DrawnPart[] {
  return secondary === undefined ? [primary] : [primary, secondary];
}

/** What a step waits for, and how long. */
export function waitText({ signal, timeoutMs }: WaitingStep): string {
  const limit = timeoutMs === Infinity ? "" : `, at most ${durationText(timeoutMs)}`;
  return `signal ${nameText(signal)}${limit}`;
}

/** How often the act of a part is tried; `undefined` where that is once. */
export function retryText({ retry }: StepPart): string | undefined {
  return retry && attemptsText(retry.maxAttempts);
}
