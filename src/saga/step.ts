import type { Context } from "../mediator/mod.ts";
import type { JsonOf } from "../message/mod.ts";
import type { CircuitBreaker, RetryOptions } from "../resilience/mod.ts";

/** What both sides of a step receive beside the context of the saga. */
export interface StepContext extends Context {
  /** The id of the saga. */
  readonly sagaId: string;
  /** The id of the step. */
  readonly step: string;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /**
   * The same for each attempt at this step of this saga, whatever dies between: hand it to whoever can tell by
   * it that something was done before. It is `<saga id>/<step id>`, for the secondary of a fallback with
   * `/secondary` behind it, and a compensation has that of the act that it undoes.
   */
  readonly idempotencyKey: string;
}

/** What a compensation receives beside the context of the saga. */
export interface CompensationContext extends StepContext {
  /**
   * What is known of the act: `"completed"`, or `"unknown"`, when a time limit passed or its process died, so
   * that it may have had its effect or not, and has returned nothing.
   */
  readonly outcome: "completed" | "unknown";
}

/** The type of `C` once what is in `R` has been added to it or has taken its place. */
export type Merge<C, R> = [R] extends [void] ? C : Flat<Omit<C, keyof R> & R>;

/** The same type, written as one object. */
export type Flat<T> = { [P in keyof T]: T[P] };

/** What a step may return: something to be added to the context, or nothing. */
export type StepResult = object | void;

/**
 * `unknown` if a result is the same after JSON, as it comes from there even in the process that has made it;
 * otherwise a type that nothing fits.
 */
export type SurvivesAsJson<R> = JsonOf<R> extends R ? unknown
  : { readonly "is not the same after JSON": JsonOf<R> };

/**
 * Does what a step is there for. What it returns is added to the context of the saga.
 *
 * @typeParam C The context that it needs.
 * @typeParam R What it adds to it.
 */
export type Act<C, R extends StepResult> = (
  context: Readonly<C>,
  step: StepContext,
) => R | Promise<R>;

/** Undoes what an act has done. What the act returned is missing where its outcome is unknown. */
export type Compensate<C, R extends StepResult> = (
  context: Readonly<Merge<C, R extends object ? Partial<R> : R>>,
  step: CompensationContext,
) => unknown;

/** How often, and for how long, the parts of a step are tried. */
export interface StepOptions {
  /**
   * When and how often an act that fails is tried again. The delays are kept in the storage, so that they
   * survive the process. Where there is none, a step that has thrown makes the saga turn back at once.
   *
   * @default none
   */
  readonly retry?: StepRetry | undefined;
  /**
   * How long an attempt at the act, or at the compensation, may take, in milliseconds. When it has passed
   * nobody can tell whether the attempt had its effect.
   *
   * @default no limit
   */
  readonly timeoutMs?: number | undefined;
  /** When and how often a compensation that fails is tried again. @default that of the saga */
  readonly compensateRetry?: StepRetry | undefined;
}

/** When and how often something is tried again. */
export type StepRetry = Omit<RetryOptions, "clock">;

/** A step as an object: its two sides, and how they are tried. */
export interface Step<C, R extends StepResult> extends StepOptions {
  /** Does what the step is there for. */
  readonly act: Act<C, R>;
  /**
   * Undoes it. It must do no harm if there is nothing to undo, or it was undone before. A step without one
   * stays as it is when its saga turns back.
   */
  readonly compensate?: Compensate<C, NoInfer<R>> | undefined;
}

/** A step as a class, which the container builds for each attempt. Its sides are methods. */
export type StepClass<C, R extends StepResult> = new (...args: never[]) => {
  readonly act: Act<C, R>;
  readonly compensate?: Compensate<C, NoInfer<R>> | undefined;
};

/** One that acts: an object, a class, or an act alone. */
export type StepHandler<C, R extends StepResult> = Step<C, R> | StepClass<C, R> | Act<C, R>;

/** How {@linkcode stepFallback} decides. */
export interface StepFallbackOptions {
  /** Whether the secondary may act after this error of the primary. @default {() => true} */
  readonly when?: ((error: unknown) => boolean) | undefined;
  /** Keeps calls away from a primary that fails repeatedly; the secondary acts at once then. @default none */
  readonly circuitBreaker?: CircuitBreaker | undefined;
}

/** A step with a fallback, as {@linkcode stepFallback} describes it. */
export interface FallbackStep<C, R extends StepResult> {
  /** Acts as long as it can. */
  readonly primary: StepHandler<C, R>;
  /** Acts when the primary fails. */
  readonly secondary: StepHandler<C, R>;
  /** How it decides. */
  readonly options: StepFallbackOptions;
}

/**
 * Makes a step of two: when the primary has failed, its own attempts included, the secondary acts, with the
 * context as it was before the primary. A primary of which nobody knows whether it has had its effect, as a
 * time limit has passed, is undone before the secondary acts, if it has a compensation; when that fails for
 * good, the saga turns back. When it turns back later, the one that was done is undone.
 *
 * @example A courier, or the post
 * ```ts
 * import { circuitBreaker } from "@sluice/cqrs";
 * import { saga, stepFallback } from "@sluice/cqrs/saga";
 * import { type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Order = saga("order", { version: 1, context: type<{ orderId: string }>() })
 *   .step("ship", stepFallback(
 *     { act: ({ orderId }) => ({ parcel: `courier ${orderId}` }) },
 *     { act: ({ orderId }) => ({ parcel: `post ${orderId}` }) },
 *     { circuitBreaker: circuitBreaker({ name: "courier" }) },
 *   ));
 * assert.deepEqual(Order.steps.map(({ id }) => id), ["ship"]);
 * ```
 */
export function stepFallback<C, R extends StepResult = void>(
  primary: StepHandler<NoInfer<C>, R>,
  secondary: StepHandler<NoInfer<C>, R>,
  options: StepFallbackOptions = {},
): FallbackStep<C, R> {
  return { primary, secondary, options };
}

/** Anything that a step can be made of. */
export type StepSource<C, R extends StepResult> = StepHandler<C, R> | FallbackStep<C, R>;
