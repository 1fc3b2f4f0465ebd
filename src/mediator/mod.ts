/**
 * The mediator: handlers, middlewares and the application that runs them.
 *
 * @module
 */

export {
  type App,
  AppClosedError,
  type AppOf,
  DuplicateHandlerError,
  type EventDispatcher,
  HandlerNotFoundError,
  type Sender,
  type Streamer,
} from "./app.ts";
export {
  bootstrap,
  type BootstrapOptions,
  type BootstrapStorage,
  type EventHandlingOptions,
} from "./bootstrap.ts";
export { HandlerSettledError } from "./call_context.ts";
export {
  chain,
  type ChainDefault,
  ChainExhaustedError,
  type ChainHandler,
  type ChainMessage,
  type Link,
  type LinkContext,
} from "./chain.ts";
export type { CompositeHandler } from "./composite.ts";
export {
  type Container,
  describeToken,
  type Scope,
  type ScopeStrategy,
  type ServiceToken,
  type Token,
  token,
} from "./container.ts";
export type { CallOptions, Context, DispatchOptions, MiddlewareContext } from "./context.ts";
export { EventCycleError, type EventFailure, EventHandlingError } from "./event_cascade.ts";
export {
  fallback,
  type FallbackHandler,
  type FallbackOptions,
  type RestartMode,
} from "./fallback.ts";
export type {
  AnswerOf,
  AnyHandler,
  Handler,
  HandlerClass,
  HandlerFunction,
  HandlerObject,
} from "./handler.ts";
export type { ItemStream } from "./item_stream.ts";
export { type Logger, logging, type LoggingOptions, type LogLevel } from "./logging.ts";
export { NoPublisherError } from "./mediator.ts";
export type {
  Middleware,
  MiddlewareFunction,
  Next,
  NextArguments,
  NextOverrides,
  NextStream,
  StreamAwareMiddleware,
} from "./middleware.ts";
export type { DropReason, Observer, ObserverEvent } from "./observer.ts";
export {
  type AdditionsOf,
  type AlreadyHandled,
  type AnyDefinition,
  type BoundOtherwise,
  type HandlerModule,
  type Handlers,
  handlers,
  type Registry,
  type RegistryStep,
} from "./registry.ts";
export {
  type HandlerRetryOptions,
  type HandlerRetryPolicy,
  retry,
  type RetryHandler,
  withRetry,
} from "./retry.ts";
export { runAll } from "./run_all.ts";
export type {
  AnyBindableSaga,
  BindableSaga,
  OpenSagas,
  SagaBinding,
  SagaCall,
  SagaHost,
  SagaRunner,
  SagaRunOptions,
  StepCall,
  StepHandler,
  StepRun,
} from "./saga_port.ts";
export type {
  SagaDecision,
  SagaFollowOptions,
  SagaHistory,
  SagaOutcome,
  SagaReport,
  Sagas,
  SagaStart,
  SagaStepState,
} from "./sagas.ts";
export type { NotificationStore, UnitOfWork } from "./unit_of_work.ts";
export { timeout, type TimeoutHandler, type TimeoutOptions, withTimeout } from "./timeout.ts";
