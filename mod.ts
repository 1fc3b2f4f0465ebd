/**
 * Commands, queries, streaming requests and events, over async iterators and
 * Web Streams: messages as values, handlers that are bound to them by type, and
 * an application that runs them and sees to what follows.
 *
 * Handlers run in this process. An event that a handler emits is dispatched if
 * the handler succeeds and dropped if it throws. Notifications are handed to
 * the broker after that, once, without a store between: a process that dies in
 * this moment loses them, which an outbox prevents.
 *
 * @example A command, what it leads to, and a stream
 * ```ts
 * import { bootstrap, command, domainEvent, handlers, streamRequest, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Entered = domainEvent("meeting.entered", type<{ userId: string }>());
 * const Members = streamRequest("meeting.members").yields<string>();
 *
 * const members: string[] = [];
 * const app = bootstrap(
 *   handlers()
 *     .on(Join, ({ userId }, { emit }) => emit(Entered({ userId })))
 *     .on(Entered, ({ userId }) => void members.push(userId))
 *     .on(Members, async function* () {
 *       yield* members;
 *     }),
 * );
 *
 * await app.send(Join({ userId: "u1" }));
 * for await (const member of app.stream(Members())) assert.equal(member, "u1");
 * ```
 *
 * @module
 */

export { type Clock, sleep, systemClock } from "./src/clock.ts";
export { SluiceError, type SluiceErrorCode } from "./src/errors.ts";
export type { Tick, TickOptions, TickReport } from "./src/background/mod.ts";
export {
  type MemoryBroker,
  memoryBroker,
  type MemoryBrokerOptions,
  type Publisher,
  PublishError,
  type PublishOptions,
  type PublishResult,
} from "./src/broker/mod.ts";
export {
  type AdditionsOf,
  type AlreadyHandled,
  type AnswerOf,
  type AnyBindableSaga,
  type AnyDefinition,
  type AnyHandler,
  type App,
  AppClosedError,
  type AppOf,
  type BindableSaga,
  bootstrap,
  type BootstrapOptions,
  type BootstrapStorage,
  type BoundOtherwise,
  type CallOptions,
  chain,
  type ChainDefault,
  ChainExhaustedError,
  type ChainHandler,
  type ChainMessage,
  type CompositeHandler,
  type Container,
  type Context,
  type DispatchOptions,
  type DropReason,
  DuplicateHandlerError,
  EventCycleError,
  type EventDispatcher,
  type EventFailure,
  EventHandlingError,
  type EventHandlingOptions,
  fallback,
  type FallbackHandler,
  type FallbackOptions,
  type Handler,
  type HandlerClass,
  type HandlerFunction,
  type HandlerModule,
  HandlerNotFoundError,
  type HandlerObject,
  type HandlerRetryOptions,
  type HandlerRetryPolicy,
  type Handlers,
  handlers,
  HandlerSettledError,
  type ItemStream,
  type Link,
  type LinkContext,
  type Logger,
  logging,
  type LoggingOptions,
  type LogLevel,
  type Middleware,
  type MiddlewareContext,
  type MiddlewareFunction,
  type Next,
  type NextArguments,
  type NextOverrides,
  type NextStream,
  NoPublisherError,
  type NotificationStore,
  type Observer,
  type ObserverEvent,
  type Registry,
  type RegistryStep,
  type RestartMode,
  retry,
  type RetryHandler,
  type SagaDecision,
  type SagaFollowOptions,
  type SagaHistory,
  type SagaOutcome,
  type SagaReport,
  type SagaRunOptions,
  type Sagas,
  type SagaStart,
  type SagaStepState,
  type Scope,
  type ScopeStrategy,
  type Sender,
  type ServiceToken,
  type StreamAwareMiddleware,
  type Streamer,
  timeout,
  type TimeoutHandler,
  type TimeoutOptions,
  type Token,
  token,
  type UnitOfWork,
  withRetry,
  withTimeout,
} from "./src/mediator/mod.ts";
export {
  type Answer,
  type AnyEvent,
  type AnyMessage,
  type AnyRequest,
  type AnySchema,
  type AnyStreamRequest,
  type Codec,
  type Command,
  command,
  type CommandDefinition,
  type DataOf,
  type Definition,
  type DomainEvent,
  domainEvent,
  type DomainEventDefinition,
  type Envelope,
  type EnvelopeOptions,
  type InputOf,
  type ItemOf,
  jsonCodec,
  type JsonOf,
  type LeftOutOfJson,
  type Message,
  type MessageArguments,
  MessageDecodeError,
  MessageEncodeError,
  type MessageKind,
  type MessageMetadata,
  type MessageOf,
  MessageValidationError,
  type MetadataInit,
  type Notification,
  notification,
  type NotificationDefinition,
  type NotificationOptions,
  type NotJson,
  type OutputOf,
  type PlainJson,
  type Query,
  query,
  type QueryDefinition,
  type ResultOf,
  type SagaAnswer,
  type SagaRequest,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  type StreamRequest,
  streamRequest,
  type StreamRequestDefinition,
  type SurvivesJson,
  toEnvelope,
  type,
  type ValidationIssue,
  withData,
} from "./src/message/mod.ts";
export {
  assertTimeoutMs,
  type Backoff,
  type BackoffOptions,
  type CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerOptions,
  CircuitOpenError,
  type CircuitPermit,
  type CircuitState,
  type CircuitStateChange,
  type CircuitStateStore,
  type CircuitStatus,
  type ConcurrencyLimit,
  concurrencyLimit,
  Deadline,
  type DeadlineOptions,
  exponentialBackoff,
  isRetryable,
  memoryCircuitStore,
  type Overrun,
  retryAsync,
  type RetryCallOptions,
  type RetryInfo,
  type RetryOptions,
  type RetryPolicy,
  retryPolicy,
  type StoredCircuit,
  withDeadline,
} from "./src/resilience/mod.ts";
export { fromReadableStream, toReadableStream } from "./src/stream/mod.ts";
