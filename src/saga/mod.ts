/**
 * Sagas: work of several steps that cannot be one transaction, since several services do it. Each step is
 * stored before the next begins, so any process can go on where another has died; when one fails, what
 * those before it have done is undone, the last first.
 *
 * A saga is a message: an application that binds it sends it, and has it done, or streams it, and sees each
 * step. Everything else is behind `app.sagas`: history, operations, signals.
 *
 * @example A saga that dies and is recovered
 * ```ts
 * import { bootstrap, handlers, type } from "@sluice/cqrs";
 * import { saga, sagaRecovery } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Trip = saga("trip", { version: 1, context: type<{ to: string }>() })
 *   .step("hotel", { act: ({ to }) => ({ hotel: `in ${to}` }), compensate: () => {} })
 *   .step("flight", { act: ({ to }) => ({ flight: `to ${to}` }) });
 *
 * const storage = memoryStorage();
 * const app = bootstrap(handlers().saga(Trip), { storage });
 * for await (const step of app.stream(Trip({ to: "Rome" }, { id: "t1" }))) {
 *   assert.equal(step.name, "hotel");
 *   break; // whoever leaves has nothing undone: the saga can be gone on with
 * }
 * const report = await sagaRecovery(app).tick({ budgetMs: 1_000 });
 * assert.equal(report.completed, 1);
 * assert.equal((await app.sagas.get("t1"))?.status, "completed");
 * ```
 *
 * @module
 */

export {
  type AlreadyAStep,
  type AnySaga,
  type ContextSurvivesJson,
  type NewStepId,
  saga,
  type SagaDefinition,
  type SagaMessage,
  type SagaOptions,
  type WaitOptions,
} from "./definition.ts";
export type {
  ActingStep,
  StepDescription,
  StepFunction,
  StepPart,
  WaitingStep,
} from "./description.ts";
export type { SagaItem, SagaItemBase } from "./items.ts";
export {
  SagaBusyError,
  SagaFailedError,
  SagaIdError,
  SagaIncompatibleError,
  SagaNotFoundError,
  SagaOperationError,
  SagaStepError,
} from "./saga_errors.ts";
export { sagaHealth, type SagaHealthOptions, SagaLagError } from "./saga_health.ts";
export { sagaPurge, type SagaPurgeOptions } from "./saga_purge.ts";
export {
  type RunSagaRecoveryOptions,
  type SagaRecovery,
  sagaRecovery,
  type SagaRecoveryOptions,
  type SagaRecoveryReport,
} from "./saga_recovery.ts";
export {
  type Act,
  type Compensate,
  type CompensationContext,
  type FallbackStep,
  type Flat,
  type Merge,
  type Step,
  type StepClass,
  type StepContext,
  stepFallback,
  type StepFallbackOptions,
  type StepHandler,
  type StepOptions,
  type StepResult,
  type StepRetry,
  type StepSource,
  type SurvivesAsJson,
} from "./step.ts";
export { replay, type ReplayedSaga } from "./replay.ts";
