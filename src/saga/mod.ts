export { type AnySaga, saga } from "./definition.ts";
export type { ActingStep, StepDescription, StepPart, WaitingStep } from "./description.ts";
export { stepFallback } from "./step.ts";
