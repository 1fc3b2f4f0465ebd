import { type DrawnClass, writeClass } from "./diagram.ts";
import { type DrawnPart, type DrawnStep, drawnSteps, partsOf, retryText } from "./saga_parts.ts";
import { schemaFields } from "./schema_fields.ts";
import type { DiagramSaga } from "./source.ts";
import { attemptsText, durationText, nameText } from "./text.ts";

/** The lines of a class diagram of a saga. */
export function sagaClasses(saga: DiagramSaga): string[] {
  const steps = drawnSteps(saga);
  const context = dataClass("D", "context", saga.schema);
  const classes = [
    {
      id: "S",
      label: nameText(saga.type),
      stereotype: "saga",
      members: [`version: ${saga.version}`, `steps: ${steps.length}`],
    },
    ...context,
    ...steps.flatMap(stepClasses),
  ];
  const lines = [
    // Steps below each other can be read, however many there are.
    "direction LR",
    "",
    ...classes.flatMap(writeClass),
    ...context.map(({ id }) => `S ..> ${id} : starts with`),
    ...steps.flatMap(relations),
  ];
  return steps.length > 0 ? lines : [...lines, 'note for S "No steps configured"'];
}

function stepClasses(step: DrawnStep): DrawnClass[] {
  if (step.kind === "act") {
    return partsOf(step).map((part) =>
      partClass(part, part === step.primary ? "step" : "fallback")
    );
  }
  const { id, text, step: { signal, timeoutMs, schema } } = step;
  const members = [`signal: ${nameText(signal)}`];
  if (timeoutMs !== Infinity) members.push(`timeout: ${durationText(timeoutMs)}`);
  return [{ id, label: text, stereotype: "wait", members }, ...waitData(id, signal, schema)];
}

function waitData(id: string, signal: string, schema: unknown): DrawnClass[] {
  return dataClass(`D${id.slice(1)}`, signal, schema);
}

function partClass(part: DrawnPart, stereotype: string): DrawnClass {
  const { id, text, compensate, compensateRetry, timeoutMs } = part;
  const attempts = retryText(part);
  const undoing = compensate && attemptsText(compensateRetry.maxAttempts);
  const members = ["+act()"];
  if (compensate !== undefined) members.push("+compensate()");
  if (attempts !== undefined) members.push(`act: ${attempts}`);
  if (undoing !== undefined) members.push(`compensate: ${undoing}`);
  if (timeoutMs !== undefined) members.push(`timeout: ${durationText(timeoutMs)}`);
  return { id, label: text, stereotype, members };
}

function dataClass(id: string, name: string, schema: unknown): DrawnClass[] {
  const members = schemaFields(schema);
  return members.length === 0 ? [] : [{ id, label: nameText(name), stereotype: "data", members }];
}

function relations(step: DrawnStep, index: number): string[] {
  const label = `${index + 1} ${nameText(step.step.id)}`;
  if (step.kind === "wait") {
    const { id, step: { signal, schema } } = step;
    const data = waitData(id, signal, schema);
    return [`S --> ${id} : ${label}`, ...data.map((drawn) => `${id} ..> ${drawn.id} : brings`)];
  }
  const { primary, secondary, step: { fallback } } = step;
  const own = `S --> ${primary.id} : ${label}`;
  if (secondary === undefined) return [own];
  const how = fallback.circuitBreaker === undefined ? "fallback" : "fallback, circuit breaker";
  return [own, `${primary.id} ..> ${secondary.id} : ${how}`];
}
