import { indent } from "./diagram.ts";
import { type DrawnStep, drawnSteps, partsOf } from "./saga_parts.ts";
import type { DiagramSaga } from "./source.ts";

/** Up to so many steps are drawn within the states of their saga; more make a ribbon that nobody can read. */
const MAX_DRAWN_STEPS = 10;

const NOTHING_TO_DO = [
  "[*] --> Running",
  "Running --> Completed",
  "Completed --> [*]",
  "note right of Running : No steps configured",
];

/** The lines of a state diagram of a saga. */
export function sagaStates(saga: DiagramSaga): string[] {
  const steps = drawnSteps(saga);
  if (steps.length === 0) return NOTHING_TO_DO;
  return [
    "[*] --> Running",
    ...composite("Running", steps.map(stepState)),
    ...composite("Compensating", steps.toReversed().flatMap(undoneState)),
    ...waiting(steps),
    "Running --> Completed : all steps are done",
    "Running --> Compensating : a step has failed",
    "Compensating --> Compensated : all is undone",
    "Compensating --> Failed : something cannot be undone",
    "Failed --> Compensating : retryStep()",
    "Running --> Parked : it cannot go on",
    "Compensating --> Parked : it cannot go on",
    "Parked --> Running : resume()",
    "Parked --> Compensating : compensate()",
    "Completed --> [*]",
    "Compensated --> [*]",
    "Failed --> [*]",
    ...(steps.length > MAX_DRAWN_STEPS ? [`note right of Running : ${steps.length} steps`] : []),
  ];
}

function waiting(steps: readonly DrawnStep[]): string[] {
  const waits = steps.filter((step) => step.kind === "wait");
  if (waits.length === 0) return [];
  const isLimited = waits.some(({ step }) => step.timeoutMs !== Infinity);
  return [
    "Running --> Waiting : waits for a signal",
    "Waiting --> Running : the signal has come",
    `Waiting --> Compensating : ${isLimited ? "no signal in time" : "compensate()"}`,
  ];
}

interface State {
  readonly id: string;
  readonly text: string;
}

function stepState(step: DrawnStep): State {
  if (step.kind === "wait") return step;
  return { id: step.primary.id, text: partsOf(step).map(({ text }) => text).join(" or ") };
}

/** Steps without a compensation stay as they are. */
function undoneState(step: DrawnStep): State[] {
  if (step.kind === "wait") return [];
  const undone = partsOf(step).filter(({ compensate }) => compensate !== undefined);
  if (undone.length === 0) return [];
  return [{
    id: `C${step.primary.id.slice(1)}`,
    text: undone.map(({ text }) => text).join(" or "),
  }];
}

function composite(name: string, states: readonly State[]): string[] {
  const [first] = states;
  if (first === undefined || states.length > MAX_DRAWN_STEPS) return [];
  const ways = states.map(({ id }, index) => `${id} --> ${states[index + 1]?.id ?? "[*]"}`);
  return [
    `state ${name} {`,
    ...indent(states.map(({ id, text }) => `state "${text}" as ${id}`)),
    ...indent([`[*] --> ${first.id}`, ...ways]),
    "}",
  ];
}
