import type { BindableSaga, SagaReport } from "../mediator/mod.ts";
import type { AnySchema, JsonOf, OutputOf, SagaRequest, StandardSchema } from "../message/mod.ts";
import type { BackoffOptions } from "../resilience/mod.ts";
import type { SagaItem } from "./items.ts";
import type {
  Merge,
  StepOptions,
  StepResult,
  StepRetry,
  StepSource,
  SurvivesAsJson,
} from "./step.ts";
import type { StepDescription } from "./description.ts";
import { defineSaga } from "./define.ts";

/** How {@linkcode saga} defines one. */
export interface SagaOptions<S extends AnySchema> {
  /**
   * The version, a positive integer. Raise it with every change to the steps that a saga under way could
   * not go on with, and bind the version before it as an earlier one.
   */
  readonly version: number;
  /** What a saga is started with: any Standard Schema, or `type` for a type alone. It has to be the same after JSON. */
  readonly context: S;
  /**
   * When and how often a compensation that fails is tried again.
   *
   * @default {{ maxAttempts: 3, backoff: { initialDelayMs: 1_000, jitter: "none" } }}
   */
  readonly compensateRetry?: StepRetry | undefined;
}

/** What a second step with the same id fails to be. */
export interface AlreadyAStep<S extends string> {
  /** The step that there is already. */
  readonly "already a step": S;
}

/** An id that no step before has. */
export type NewStepId<S extends string, I> = S extends (I extends { readonly name: infer X } ? X
  : never) ? AlreadyAStep<S>
  : unknown;

/** How {@linkcode SagaDefinition.waitFor} waits. */
export interface WaitOptions<S extends AnySchema> {
  /** The name of the signal. @default the id of the step */
  readonly signal?: string | undefined;
  /**
   * What the signal brings, which is added to the context. A signal that does not fit is refused; one that was
   * sent by an application without the saga is written down and thrown away, and the saga waits on.
   *
   * @default nothing
   */
  readonly data?: S | undefined;
  /** How long it waits, in milliseconds; then the step has failed. @default {Infinity} */
  readonly timeoutMs?: number | undefined;
}

/** The start of a saga, as its definition makes it. */
export type SagaMessage<N extends string, C0, C, I, W = never> = SagaRequest<
  N,
  C0,
  SagaReport<"completed", C> | W,
  I
>;

/**
 * A saga: steps that are done one after the other, each with what undoes it. It is a definition like those of
 * other messages: calling it makes the start of a saga, whose id can be given as that of a message,
 * `Order(context, { id })`.
 *
 * @typeParam N The name.
 * @typeParam C0 The context that it is started with.
 * @typeParam C The context after all steps.
 * @typeParam I The items of its progress.
 * @typeParam W What sending it may resolve to beside its completion.
 */
export interface SagaDefinition<N extends string, C0, C, I, W = never>
  extends BindableSaga<SagaMessage<N, C0, C, I, W>> {
  /** The steps in their order, for those who draw or check them. */
  readonly steps: readonly StepDescription[];
  /** When and how often a compensation is tried again, where its step says nothing. */
  readonly compensateRetry: StepRetry;
  /**
   * Gives the saga with one more step.
   *
   * @param id Identifies the step for good, also in what is stored; another name for a function or a class changes nothing.
   * @throws {TypeError} If there is a step with this id, or it cannot act.
   * @throws {RangeError} If an option is out of its range.
   */
  step<const S extends string, R extends StepResult = void>(
    id: S & NewStepId<S, I>,
    step: StepSource<C, R> & SurvivesAsJson<NoInfer<R>>,
    options?: StepOptions,
  ): SagaDefinition<N, C0, Merge<C, R>, I | SagaItem<S, R>, W>;
  /**
   * Gives the saga with one more step, which waits for a signal and adds what that brings to the context.
   *
   * @throws {TypeError} If there is a step with this id, or the signal has no name.
   * @throws {RangeError} If the time is out of its range.
   */
  waitFor<const S extends string, D extends AnySchema = StandardSchema<void, void>>(
    id: S & NewStepId<S, I>,
    options?: WaitOptions<D>,
  ): SagaDefinition<
    N,
    C0,
    Merge<C, OutputOf<D>>,
    I | SagaItem<S, OutputOf<D>>,
    SagaReport<"waiting", Partial<C>>
  >;
}

/** Any saga, as seen where its types no longer matter. */
export type AnySaga = Pick<
  SagaDefinition<string, unknown, unknown, unknown, unknown>,
  "kind" | "type" | "version" | "steps" | "compensateRetry" | "openSagas" | "schema"
>;

/** `unknown` if a context is the same after JSON; otherwise a type that nothing fits. */
export type ContextSurvivesJson<S extends AnySchema> = JsonOf<OutputOf<S>> extends OutputOf<S>
  ? unknown
  : { readonly "the context is not the same after JSON": JsonOf<OutputOf<S>> };

/** The default delays between attempts at a compensation, as python-cqrs has them. */
export const COMPENSATION_BACKOFF: BackoffOptions = { initialDelayMs: 1_000, jitter: "none" };

/**
 * Defines a saga: what belongs together and cannot be one transaction, as it is done by several services.
 * Its steps are done one after the other, and each is stored before the next begins. When one fails, what
 * those before it have done is undone, the last first.
 *
 * The context that steps see is the one that is stored: it has been through JSON each time, so a saga that
 * is gone on with by another process sees the same. An act changes it by what it returns, and by nothing else.
 *
 * @param name The wire name: it identifies stored sagas, so it is written out and never changes.
 * @throws {TypeError} If the name is empty.
 * @throws {RangeError} If the version is no positive integer, or the retry is out of its range.
 *
 * @example An order
 * ```ts
 * import { bootstrap, handlers, type } from "@sluice/cqrs";
 * import { saga } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Order = saga("order", { version: 1, context: type<{ item: string; euros: number }>() })
 *   .step("reserve", {
 *     act: ({ item }, { idempotencyKey }) => ({ reservation: `${item} for ${idempotencyKey}` }),
 *     compensate: ({ reservation }) => void reservation,
 *   })
 *   .step("charge", {
 *     act: ({ euros }) => {
 *       if (euros > 100) throw new RangeError("Too expensive");
 *       return { paid: true };
 *     },
 *   });
 *
 * const app = bootstrap(handlers().saga(Order), { storage: memoryStorage() });
 * const { context } = await app.send(Order({ item: "lamp", euros: 40 }, { id: "o1" }));
 * assert.deepEqual(context, { item: "lamp", euros: 40, reservation: "lamp for o1/reserve", paid: true });
 *
 * const statuses: string[] = [];
 * await assert.rejects(async () => {
 *   for await (const step of app.stream(Order({ item: "car", euros: 40_000 }))) {
 *     statuses.push(`${step.name} ${step.status}`);
 *   }
 * }, { code: "saga_failed" });
 * assert.deepEqual(statuses, ["reserve completed", "charge failed", "reserve compensated"]);
 * ```
 */
export function saga<const N extends string, S extends AnySchema>(
  name: N,
  options: SagaOptions<S> & { readonly context: ContextSurvivesJson<NoInfer<S>> },
): SagaDefinition<N, OutputOf<S>, OutputOf<S>, never>;
export function saga(name: string, options: SagaOptions<AnySchema>): unknown {
  return defineSaga(name, options);
}
