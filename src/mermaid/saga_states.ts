import { indent } from "./diagram.ts";
import { type DrawnStep, drawnSteps } from "./saga_parts.ts";
import type { DiagramSaga } from "./source.ts";

/** Up to so many steps are drawn within the states of their saga; more make a ribbon that nobody can read. */
const MAX_DRAWN_STEPS = 10;

/** The lines of a state diagram of a saga. */
export function sagaStates(saga: DiagramSaga): string[] {
  const steps = drawnSteps(saga);
  const running = steps.map(stepState);
  const undone = steps.toReversed().flatMap(undoneState);
  const waits = steps.some(isWaiting);
  return [
    "[*] --> Running",
    ...composite("Running", running),
    ...composite("Compensating", undone),
    "",
    ...(waits ? ["Running --> Waiting : a signal, or time, is needed", "Waiting --> Running"] : []),
    "Running --> Completed : all steps are done",
    "Running --> Compensating : a step has failed",
    ...(waits ? ["Waiting --> Compensating : it does not come in time"] : []),
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
    ...(steps.length === 0 ? ["note right of Running : No steps configured"] : []),
  ];
}

interface State {
  readonly id: string;
  readonly text: string;
}

function stepState(step: DrawnStep): State {
  if (step.kind === "wait") return step;
  const { primary, secondary } = step;
  return {
    id: primary.id,
    text: secondary ? `${primary.text} or ${secondary.text}` : primary.text,
  };
}

/** Steps without a compensation stay as they are. */
function undoneState(step: DrawnStep): State[] {
  if (step.kind === "wait") return [];
  const { primary, secondary } = step;
  const texts = [primary, secondary].flatMap((part) => part?.compensate ? [part.text] : []);
  return texts.length === 0 ? [] : [{ id: `C${primary.id.slice(1)}`, text: texts.join(" or ") }];
}

function isWaiting(step: DrawnStep): boolean {
  if (step.kind === "wait") return true;
  return [step.primary, step.secondary].some((part) => (part?.retry?.maxAttempts ?? 1) > 1);
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
