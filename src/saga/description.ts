import type { AnySchema } from "../message/mod.ts";
import type { RetryPolicy } from "../resilience/mod.ts";
import type { StepFallbackOptions } from "./step.ts";

/** A side of a step, whatever it was made of. */
export type StepFunction = (data: never, context: never) => unknown;

/** One that acts, and what it is called. */
export interface StepPart {
  /** The name of its class or function; the id of the step where it has none. For people alone. */
  readonly label: string;
  /** Does what the step is there for. */
  readonly act: StepFunction;
  /** Undoes it. */
  readonly compensate: StepFunction | undefined;
  /** When and how often the act is tried again. */
  readonly retry: RetryPolicy | undefined;
  /** When and how often the compensation is tried again. */
  readonly compensateRetry: RetryPolicy;
  /** How long an attempt may take, in milliseconds. */
  readonly timeoutMs: number | undefined;
}

/** A step that acts. */
export interface ActingStep {
  /** Tells it from a wait. */
  readonly kind: "act";
  /** Identifies the step in its saga. */
  readonly id: string;
  /** Acts as long as it can. */
  readonly primary: StepPart;
  /** Acts when the primary has failed. */
  readonly secondary: StepPart | undefined;
  /** How a fallback decides. */
  readonly fallback: StepFallbackOptions;
}

/** A step that waits for a signal. */
export interface WaitingStep {
  /** Tells it from a step that acts. */
  readonly kind: "wait";
  /** Identifies the step in its saga. */
  readonly id: string;
  /** The name of the signal. */
  readonly signal: string;
  /** What the signal brings; `undefined` for nothing. */
  readonly schema: AnySchema | undefined;
  /** How long it waits, in milliseconds. */
  readonly timeoutMs: number;
}

/** A step as its definition describes it. */
export type StepDescription = ActingStep | WaitingStep;
