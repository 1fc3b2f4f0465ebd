import type { Publisher } from "../broker/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import {
  type AnyMessage,
  type Codec,
  jsonCodec,
  type NotificationDefinition,
} from "../message/mod.ts";
import type { SagaStore } from "../storage/mod.ts";
import { type App, DuplicateHandlerError } from "./app.ts";
import { compile } from "./compile.ts";
import { composeCall, composeStream } from "./compose.ts";
import type { Container, ScopeStrategy } from "./container.ts";
import type { Invoke, InvokeStream } from "./run_frame.ts";
import { Mediator, type MediatorOptions } from "./mediator.ts";
import type { Middleware, StreamAwareMiddleware } from "./middleware.ts";
import type { Observer } from "./observer.ts";
import { type AnyDefinition, type Binding, bindingsOf, type HandlerModule } from "./registry.ts";
import type { SagaBinding, SagaRunOptions } from "./saga_port.ts";
import { plainContainer } from "./scope.ts";
import type { NotificationStore } from "./unit_of_work.ts";

/** How the events that follow from a call are handled. */
export interface EventHandlingOptions {
  /**
   * How many event handlers one call runs at a time, over all events of a
   * level; 1 runs them in sequence, `Infinity` all at once. Every nested send
   * has a limit of its own.
   *
   * @default {10}
   */
  readonly concurrency?: number;
  /**
   * What becomes of failed event handlers and unconfirmed notifications, after
   * everything else has been done. `"throw"`: the call throws one
   * {@linkcode EventHandlingError}, which holds its result. `"isolate"`: the
   * call succeeds; only the observer sees them.
   *
   * @default {"throw"}
   */
  readonly onError?: "throw" | "isolate";
  /**
   * How many levels of events may follow from one call; deeper ones are dropped
   * with an {@linkcode EventCycleError}.
   *
   * @default {32}
   */
  readonly maxDepth?: number;
}

/** What an application needs of a storage. */
export interface BootstrapStorage {
  /** Keeps notifications. */
  readonly outbox: NotificationStore;
  /** Keeps sagas; needed where there are some. */
  readonly sagas?: SagaStore;
}

/** What an application is made of, beside its handlers. */
export interface BootstrapOptions {
  /** Builds handler classes and services. @default classes whose constructors take nothing are built with `new` */
  readonly container?: Container;
  /** How long scoped services live. @default {"send"} if the container has scopes, else {"none"} */
  readonly scope?: ScopeStrategy;
  /** Takes notifications, unless there is a storage. @default none */
  readonly broker?: Publisher;
  /**
   * Keeps notifications until a relay publishes them: those that follow from a call
   * are stored in its outbox, all together and after everything else, instead of
   * going to the broker, so that an outage of the broker fails no call.
   *
   * That is a transaction of its own: if the process dies between the handler and
   * the end of the call, what the handler has written is there and its notifications
   * are not. Handlers within a middleware that opens a unit of work, as `transactional`
   * of `@sluice/cqrs/outbox` does, have both in one transaction, with this option or without.
   *
   * When storing fails, each notification is a {@linkcode PublishError} among the
   * failures of the {@linkcode EventHandlingError}. It also keeps the sagas. Without a storage, a broker and such
   * a middleware, emitting a notification is refused.
   *
   * @default none
   */
  readonly storage?: BootstrapStorage;
  /** Encodes notifications. @default {jsonCodec()} */
  readonly codec?: Codec;
  /** What publishes the notifications, as a URI reference: the `source` of CloudEvents. @default {"/"} */
  readonly source?: string;
  /** Middlewares around all handlers, outside of those that the registry uses. @default none */
  readonly middlewares?: readonly Middleware[];
  /** Sees everything that happens to messages. @default none */
  readonly observer?: Observer;
  /** How sagas are run. */
  readonly sagas?: SagaRunOptions;
  /** How events are handled. */
  readonly eventHandling?: EventHandlingOptions;
  /**
   * Functions to run before the first call, one after the other. They must not
   * wait for calls of the application, which wait for them.
   *
   * @default none
   */
  readonly onStartup?: ReadonlyArray<() => void | Promise<void>>;
  /** Functions to run when the application is disposed, the last first, whether or not it has started. @default none */
  readonly onShutdown?: ReadonlyArray<() => void | Promise<void>>;
  /** Measures the durations that the observer sees. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Makes an application of a registry. It is synchronous and starts nothing: the
 * first call awaits the start-up functions.
 *
 * @throws {DuplicateHandlerError} If a request is bound twice, or an event twice to the same handler.
 * @throws {TypeError} If a saga is bound and there is no storage that keeps it; if two versions of a saga are the
 * same, or have different names; if a handler cannot handle its message: a chain or an async function for a stream, a
 * generator for anything else, a class that the container does not know; if a middleware refuses a message; or if
 * two notifications share their topic and wire type.
 * @throws {RangeError} If an option is out of range.
 *
 * @example An application
 * ```ts
 * import { bootstrap, command, domainEvent, handlers, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Entered = domainEvent("meeting.entered", type<{ userId: string }>());
 * const greeted: string[] = [];
 *
 * const app = bootstrap(
 *   handlers()
 *     .on(Join, ({ userId }, { emit }) => emit(Entered({ userId })))
 *     .on(Entered, ({ userId }) => void greeted.push(userId)),
 * );
 * await app.send(Join({ userId: "u1" }));
 * assert.deepEqual(greeted, ["u1"]);
 * ```
 */
export function bootstrap<M extends AnyMessage>(
  registry: HandlerModule<M>,
  options: BootstrapOptions = {},
): App<M> {
  const { container = plainContainer, middlewares = [] } = options;
  const scope = options.scope ?? (container.createScope === undefined ? "none" : "send");
  checkChoice("scope", scope, ["none", "send", "handler"]);
  const all = bindingsOf(registry, [...new Set(middlewares)]);
  checkBindings(all);
  const bindings = all.filter((binding): binding is Binding => !isSaga(binding));
  const sagas = all.filter(isSaga);
  const definitions = [...new Set(all.map(({ definition }) => definition))];

  const calls = new Map<string, Invoke>();
  const streams = new Map<string, InvokeStream>();
  const events = new Map<string, Invoke[]>();
  for (const { definition: { type, kind }, handler, middlewares } of bindings) {
    for (const middleware of middlewares as readonly Partial<StreamAwareMiddleware<object>>[]) {
      middleware.check?.({ type, kind });
    }
    const invoke = compile(handler, { type, kind, container, scope });
    if (kind === "stream") streams.set(type, composeStream(middlewares, invoke));
    else if (kind === "command" || kind === "query") {
      calls.set(type, composeCall(middlewares, invoke));
    } else events.set(type, [...events.get(type) ?? [], composeCall(middlewares, invoke)]);
  }
  return new Mediator({
    ...mediatorOptions(options),
    calls,
    streams,
    events,
    sagas,
    definitions,
    container,
    scope,
  });
}

function mediatorOptions(options: BootstrapOptions): Omit<
  MediatorOptions,
  "calls" | "streams" | "events" | "sagas" | "definitions" | "container" | "scope"
> {
  const { concurrency = 10, onError = "throw", maxDepth = 32 } = options.eventHandling ?? {};
  checkChoice("onError", onError, ["throw", "isolate"]);
  checkPositive("concurrency", concurrency);
  checkPositive("maxDepth", maxDepth);
  return {
    concurrency,
    maxDepth,
    onError,
    publisher: options.broker,
    store: options.storage?.outbox,
    sagaStore: options.storage?.sagas,
    sagaOptions: options.sagas ?? {},
    codec: options.codec ?? jsonCodec(),
    source: options.source ?? "/",
    observer: options.observer,
    onStartup: options.onStartup ?? [],
    onShutdown: options.onShutdown ?? [],
    clock: options.clock ?? systemClock,
  };
}

function checkChoice(option: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new TypeError(
    `Cannot bootstrap as "${option}" must be one of ${choices.join(", ")}: ${value}`,
  );
}

function checkPositive(option: string, value: number): void {
  if (value === Infinity || (Number.isInteger(value) && value > 0)) return;
  throw new RangeError(
    `Cannot bootstrap as "${option}" must be a positive integer or Infinity: ${value}`,
  );
}

function isSaga(binding: Binding | SagaBinding): binding is SagaBinding {
  return "earlier" in binding;
}

function checkBindings(bindings: ReadonlyArray<Binding | SagaBinding>): void {
  const definitions = new Map<string, AnyDefinition>();
  const wireNames = new Map<string, string>();
  const seen = new Map<string, Set<unknown>>();
  for (const binding of bindings) {
    const { definition } = binding;
    const handler = isSaga(binding) ? definition : binding.handler;
    const { type, kind } = definition;
    const known = definitions.get(type);
    if (known !== undefined && known.kind !== kind) {
      throw new TypeError(`Cannot handle "${type}" as ${known.kind} and as ${kind}`);
    }
    const handlers = seen.get(type) ?? new Set();
    const isEvent = kind === "event" || kind === "notification";
    if (handlers.has(handler) || (!isEvent && handlers.size > 0)) {
      throw new DuplicateHandlerError(type);
    }
    seen.set(type, handlers.add(handler));
    definitions.set(type, definition);
    if (isNotification(definition)) checkWireName(definition, wireNames);
  }
}

function checkWireName(
  { type, topic, wireType }: NotificationDefinition<string, unknown>,
  wireNames: Map<string, string>,
): void {
  const wireName = JSON.stringify([topic, wireType]);
  const other = wireNames.get(wireName);
  if (other !== undefined && other !== type) {
    throw new TypeError(
      `Cannot tell "${type}" from "${other}" as both are "${wireType}" on topic "${topic}"`,
    );
  }
  wireNames.set(wireName, type);
}

function isNotification(
  definition: AnyDefinition,
): definition is NotificationDefinition<string, unknown> {
  return definition.kind === "notification";
}
