export { saga } from "./definition.ts";
export { stepFallback } from "./step.ts";
