import type { NewSagaLogEntry, SagaStatus } from "../storage/mod.ts";
import type { StepDescription, StepPart } from "./description.ts";
import { SagaIncompatibleError } from "./saga_errors.ts";

/** Which handler of a step. */
export type PartName = "primary" | "secondary";

/** What is known of one handler of a step. */
export class PartProgress {
  /** Whether an attempt at the act was begun whose end nobody knows. */
  isOpen = false;
  /** Whether it was ever begun. */
  hasBegun = false;
  isCompleted = false;
  /** Whether some attempt may have had its effect though it has not succeeded. */
  isUnknown = false;
  /** How many attempts have failed since somebody last gave it a new budget. */
  failures = 0;
  error: string | undefined;
  compensation: "none" | "open" | "retrying" | "completed" | "failed" | "skipped" = "none";
  compensationFailures = 0;
  compensationError: string | undefined;

  /** Whether it has done something that may have to be undone. */
  get hasEffect(): boolean {
    return this.isCompleted || this.isUnknown || this.isOpen;
  }
}

/** What is known of a step. */
export class StepProgress {
  readonly description: StepDescription;
  readonly index: number;
  readonly primary: PartProgress = new PartProgress();
  secondary: PartProgress | undefined;
  /** The handler whose turn it is. */
  current: PartName = "primary";
  isSkipped = false;

  constructor(description: StepDescription, index: number) {
    this.description = description;
    this.index = index;
  }

  get isDone(): boolean {
    return this.isSkipped || this.primary.isCompleted || this.secondary?.isCompleted === true;
  }

  part(name: PartName): PartProgress {
    return name === "primary" ? this.primary : this.secondary ??= new PartProgress();
  }

  /** The description of a handler; `undefined` for a wait, and where there is no such handler. */
  describe(name: PartName): StepPart | undefined {
    const { description } = this;
    return description.kind === "act" ? description[name] : undefined;
  }
}

/** What is to be done next. */
export type NextAction =
  | {
    readonly type: "act" | "compensate";
    readonly step: StepProgress;
    readonly part: PartName;
    readonly attempt: number;
    /** Whether the log says already that it was started. */
    readonly isOpen: boolean;
  }
  | { readonly type: "end"; readonly status: SagaStatus };

/** What the log of a saga says, in the terms of its definition. */
export class SagaProgress {
  readonly steps: readonly StepProgress[];
  /** Whether it has turned back. */
  isBack = false;
  /** The number of the last entry. */
  entries = 0;
  /** All steps before it are done. */
  #first = 0;

  /**
   * Reads a log.
   *
   * @throws {SagaIncompatibleError} If it does not fit the steps.
   */
  constructor(steps: readonly StepDescription[], log: readonly NewSagaLogEntry[] = []) {
    this.steps = steps.map((step, index) => new StepProgress(step, index));
    for (const entry of log) this.apply(entry);
  }

  /**
   * Takes in one more entry.
   *
   * @throws {SagaIncompatibleError} If it does not fit the steps.
   */
  apply(entry: Omit<NewSagaLogEntry, "number">): void {
    this.entries++;
    if (entry.action === "turn_back") this.isBack = true;
    else if (entry.action === "resume") this.#renew();
    if (entry.step === undefined || entry.action === "turn_back") return;
    const step = this.#step(entry.step);
    if (entry.action === "act") this.#applyAct(step, entry);
    else if (entry.action === "compensate") {
      applyCompensation(step, entry);
      if (!this.isBack) step.current = "secondary"; // which waits for the primary to be undone
    } else if (entry.action === "retry") this.#retry(step);
    else if (entry.action === "skip") this.#skip(step);
  }

  /** What is to be done next. */
  next(): NextAction {
    return this.isBack ? this.#nextBack() : this.#nextForward();
  }

  /** The step with an id, if there is one. */
  find(id: string): StepProgress | undefined {
    const next = this.steps[this.#first]; // almost always
    if (next?.description.id === id) return next;
    return this.steps.find(({ description }) => description.id === id);
  }

  #nextForward(): NextAction {
    while (this.steps[this.#first]?.isDone === true) this.#first++;
    const step = this.steps[this.#first];
    if (step === undefined) return { type: "end", status: "completed" };
    const part = step.current;
    // What a primary may have done is undone before the secondary does it once more.
    const undoing = part === "secondary" ? undoingOf(step, "primary") : undefined;
    if (undoing !== undefined) return undoing;
    const { failures, isOpen } = step.part(part);
    return { type: "act", step, part, attempt: failures + 1, isOpen };
  }

  #nextBack(): NextAction {
    let hasFailed = false;
    for (let index = this.steps.length - 1; index >= 0; index--) {
      const step = this.steps[index] as StepProgress;
      if (step.isSkipped) continue;
      for (const name of ["secondary", "primary"] as const) {
        const undoing = undoingOf(step, name);
        if (undoing !== undefined) return undoing;
        if (step[name]?.compensation === "failed") hasFailed = true;
      }
    }
    return { type: "end", status: hasFailed ? "failed" : "compensated" };
  }

  #step(id: string): StepProgress {
    const step = this.find(id);
    if (step !== undefined) return step;
    throw new SagaIncompatibleError(`its log has a step "${id}" that its definition does not have`);
  }

  #applyAct(step: StepProgress, { status, error, part }: Applied): void {
    const name: PartName = part ?? "primary";
    const before = this.steps[step.index - 1];
    if (before !== undefined && !before.isDone) {
      throw new SagaIncompatibleError(
        `its log has done something of step "${step.description.id}" before step ` +
          `"${before.description.id}", which its definition has before it`,
      );
    }
    if (step.description.kind === "act" && step.describe(name) === undefined) {
      throw new SagaIncompatibleError(
        `its log has a secondary of step "${step.description.id}", and its definition has none`,
      );
    }
    const progress = step.part(name);
    step.current = name;
    progress.isOpen = status === "started";
    if (progress.isOpen) progress.hasBegun = true;
    if (status === "completed") progress.isCompleted = true;
    if (status === "unknown") progress.isUnknown = true;
    if (status === "retrying" || status === "failed" || status === "unknown") {
      progress.failures++;
      progress.error = error;
    }
  }

  #retry(step: StepProgress): void {
    for (const part of [step.primary, step.secondary]) {
      if (part === undefined) continue;
      if (!this.isBack) part.failures = part.compensationFailures = 0;
      else part.compensationFailures = 0;
      if (part.compensation === "failed" || part.compensation === "retrying") {
        part.compensation = "none";
      }
    }
  }

  #skip(step: StepProgress): void {
    if (!this.isBack) {
      step.isSkipped = true;
      return;
    }
    for (const part of [step.primary, step.secondary]) {
      if (part !== undefined && part.compensation !== "completed") part.compensation = "skipped";
    }
  }

  /** Gives everything a new budget. */
  #renew(): void {
    for (const { primary, secondary } of this.steps) {
      for (const part of [primary, secondary]) {
        if (part !== undefined) part.failures = part.compensationFailures = 0;
      }
    }
  }
}

type Applied = Omit<NewSagaLogEntry, "number">;

/** What is to be undone of a handler; `undefined` if nothing is, any more or at all. */
function undoingOf(step: StepProgress, name: PartName): NextAction | undefined {
  const part = step[name];
  if (part?.hasEffect !== true || step.describe(name)?.compensate === undefined) return undefined;
  const { compensation, compensationFailures } = part;
  if (["completed", "failed", "skipped"].includes(compensation)) return undefined;
  const attempt = compensationFailures + 1;
  return { type: "compensate", step, part: name, attempt, isOpen: compensation === "open" };
}

function applyCompensation(step: StepProgress, { status, error, part }: Applied) {
  const progress = step.part(part ?? "primary");
  if (status === "retrying" || status === "failed") {
    progress.compensationFailures++;
    progress.compensationError = error;
  }
  switch (status) {
    case "started":
      progress.compensation = "open";
      break;
    case "retrying":
    case "unknown":
    case "postponed":
      progress.compensation = "retrying";
      break;
    default:
      progress.compensation = status;
  }
}
