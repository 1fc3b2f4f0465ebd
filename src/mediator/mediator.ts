import type { Clock } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import {
  type AnyEvent,
  type AnyMessage,
  type AnyRequest,
  type AnyStreamRequest,
  type Codec,
  type Envelope,
  type ItemOf,
  metadataOf,
  type Notification,
  type ResultOf,
  toEnvelope,
} from "../message/mod.ts";
import { type App, AppClosedError, HandlerNotFoundError } from "./app.ts";
import type { Container, ScopeStrategy } from "./container.ts";
import { begin, inSequence } from "./begin.ts";
import { composeCall } from "./compose.ts";
import type { CallOptions, DispatchOptions } from "./context.ts";
import { type CascadeOptions, type CascadeRuntime, EventCascade } from "./event_cascade.ts";
import type { Emission } from "./emission.ts";
import { Frame } from "./frame.ts";
import { dropReason, type Invoke, type InvokeStream } from "./run_frame.ts";
import type { Middleware } from "./middleware.ts";
import { type ItemStream, StreamCall } from "./item_stream.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Observer, ObserverEvent } from "./observer.ts";
import type { AnyDefinition } from "./registry.ts";
import { openSagas } from "./saga_host.ts";
import type { SagaBinding, SagaHost, SagaRunner, SagaRunOptions } from "./saga_port.ts";
import type { Sagas } from "./sagas.ts";
import { LazyScope } from "./scope.ts";
import { runStep, type StepRuntime } from "./step_call.ts";
import { Watch } from "./watch.ts";

/** A notification was emitted, but there is nothing that could take it: no broker, no storage, no transaction. */
export class NoPublisherError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "NoPublisherError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "no_publisher";
  /** The type of the notification that was refused. */
  readonly messageType: string;

  /** Creates the error for a notification of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(
      `Cannot emit notification "${messageType}" as no broker or storage is configured`,
      options,
    );
    this.messageType = messageType;
  }
}

/** What `bootstrap` makes of a registry and its options. */
export interface MediatorOptions extends CascadeOptions {
  /** Those of sagas come with the mediator. */
  readonly calls: Map<string, Invoke>;
  readonly streams: Map<string, InvokeStream>;
  readonly events: ReadonlyMap<string, readonly Invoke[]>;
  readonly sagas: readonly SagaBinding[];
  readonly sagaStore: SagaHost["store"] | undefined;
  readonly sagaOptions: SagaRunOptions;
  readonly definitions: readonly AnyDefinition[];
  readonly container: Container;
  readonly scope: ScopeStrategy;
  readonly codec: Codec;
  readonly source: string;
  readonly observer: Observer | undefined;
  readonly onStartup: ReadonlyArray<() => void | Promise<void>>;
  readonly onShutdown: ReadonlyArray<() => void | Promise<void>>;
  readonly clock: Clock;
}

/** The application itself: it looks handlers up, runs them, and sees to what follows. */
export class Mediator implements App<never>, CascadeRuntime {
  readonly options: MediatorOptions;
  readonly report: ((event: ObserverEvent) => void) | undefined;
  readonly now: () => number;
  readonly definitions: readonly AnyDefinition[];
  readonly #lifecycle: Lifecycle;
  readonly #streams = new Set<StreamCall>();
  /** What calls share when scopes are switched off. */
  readonly #unscoped: LazyScope | undefined;
  readonly #sagas: SagaRunner | undefined;

  constructor(options: MediatorOptions) {
    const { container, observer } = options;
    this.options = options;
    this.definitions = options.definitions;
    this.report = observer && ((event) => observe(observer, event));
    this.now = () => options.clock.now();
    this.#lifecycle = new Lifecycle(options.onStartup, options.onShutdown);
    this.#unscoped = options.scope === "none"
      ? new LazyScope({ resolve: (token) => container.resolve(token) })
      : undefined;
    const steps: StepRuntime = {
      runtime: this,
      lifecycle: this.#lifecycle,
      openScope: () => this.#scopeFor(undefined),
      leave: (message, scope) => {
        if (scope !== this.#unscoped) return this.#leave(message, scope, undefined);
        this.#lifecycle.leave();
        return undefined;
      },
    };
    this.#sagas = openSagas({
      options,
      report: this.report,
      lifecycle: this.#lifecycle,
      run: (invoke, message, call) => runStep(steps, invoke, message, call),
    });
  }

  get sagas(): Sagas {
    if (this.#sagas !== undefined) return this.#sagas.sagas;
    throw new TypeError("Cannot reach sagas as the application has none: bind them with saga()");
  }

  send<R extends AnyRequest>(
    request: R,
    options?: CallOptions,
    cause?: Frame,
  ): Promise<ResultOf<R>> {
    const invoke = typeof request === "object" ? this.options.calls.get(request?.type) : undefined;
    if (invoke === undefined) return Promise.reject(notHandled(request));
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (options?.around !== undefined) {
      return this.#runAround(options.around, invoke, request, { signal, cause }) as Promise<
        ResultOf<R>
      >;
    }
    const result = this.report === undefined && this.#unscoped !== undefined
      ? this.#run(invoke, new Frame(this, request, this.#unscoped, signal, cause))
      : this.#runWatched(invoke, request, signal, cause);
    return result as Promise<ResultOf<R>>;
  }

  stream<R extends AnyStreamRequest>(
    request: R,
    options?: CallOptions,
    cause?: Frame,
  ): ItemStream<ItemOf<R>> {
    return this.#open(request, options?.signal, cause) as ItemStream<ItemOf<R>>;
  }

  async dispatch(event: AnyEvent, { around, signal }: DispatchOptions = {}): Promise<void> {
    const handlers = this.options.events.get(event?.type);
    if (handlers === undefined) throw notHandled(event);
    signal?.throwIfAborted();
    if (around === undefined) await this.#cascade(event, (cascade) => cascade.dispatch(event));
    else await this.#runAround(around, inSequence(handlers), event, { signal });
  }

  async emit(event: AnyEvent): Promise<void> {
    const envelope = event.kind === "notification"
      ? await this.envelope(event, undefined)
      : undefined;
    const emission = { message: event, cause: undefined, envelope };
    await this.#cascade(event, (cascade) => cascade.emit(emission));
  }

  start(): Promise<void> {
    return this.#lifecycle.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#lifecycle.close();
    for (const stream of this.#streams) stream.abort(new AppClosedError());
    return closing;
  }

  handlersOf(type: string): readonly Invoke[] {
    return this.options.events.get(type) ?? [];
  }

  envelope(message: Notification, cause: Frame | undefined): Envelope | Promise<Envelope> {
    const { codec, source, publisher, store } = this.options;
    if (publisher === undefined && store === undefined && cause?.units[0] === undefined) {
      throw new NoPublisherError(message.type);
    }
    return toEnvelope(message, { codec, source, metadata: metadataOf(message, cause?.metadata) });
  }

  followInside(host: Frame, result: unknown): Promise<readonly Emission[]> {
    return new EventCascade(this, host.scope, undefined, host).followInside(host, result);
  }

  // The hot path: one `await`, and little that lives across it.
  async #run(invoke: Invoke, frame: Frame, watch?: Watch): Promise<unknown> {
    const starting = this.#lifecycle.enter(frame.cause !== undefined);
    let result: unknown;
    try {
      const isPlain = starting === undefined && frame.cancellation === undefined;
      result = await (isPlain ? invoke(frame) : begin(invoke, frame, starting, watch));
      if (frame.close()) await this.#followUp(frame, result);
    } catch (error) {
      frame.drop(dropReason(frame));
      if (frame.hasEmissions) return this.#failLate(frame, error);
      this.#lifecycle.leave();
      throw error;
    }
    this.#lifecycle.leave();
    return result;
  }

  /** What follows from a commit is done to its end, whatever has failed around it. */
  async #failLate(frame: Frame, error: unknown): Promise<never> {
    await this.#followUp(frame, undefined).catch(() => {}); // the observer has seen it
    this.#lifecycle.leave();
    throw error;
  }

  /** Runs what handles a message within a middleware of this call. */
  #runAround(
    around: Middleware,
    invoke: Invoke,
    message: AnyMessage,
    { signal, cause }: {
      readonly signal?: AbortSignal | undefined;
      readonly cause?: Frame | undefined;
    },
  ): Promise<unknown> {
    return this.#runWatched(composeCall([around], invoke), message, signal, cause);
  }

  async #runWatched(
    invoke: Invoke,
    message: AnyMessage,
    signal: AbortSignal | undefined,
    cause: Frame | undefined,
  ): Promise<unknown> {
    this.#lifecycle.enter(cause !== undefined);
    const scope = this.#scopeFor(cause);
    const watch = this.report && new Watch(this.report, this.now, message);
    let result: unknown;
    try {
      result = await this.#run(invoke, new Frame(this, message, scope, signal, cause), watch);
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) watch?.cancelled(error);
      else watch?.failed(error);
      await this.#leave(message, scope, cause).catch(() => {}); // the observer has seen it
      throw error;
    }
    try {
      await this.#leave(message, scope, cause);
    } catch (error) {
      watch?.failed(error);
      throw error;
    }
    watch?.completed();
    return result;
  }

  /** Sees to what follows from a success. Not async itself, as each turn costs as much as a handler. */
  #followUp(frame: Frame, result: unknown): Promise<void> {
    const { encoded, lateError } = frame;
    return encoded === undefined && lateError === undefined
      ? this.#follow(frame, frame.scope, result)
      : this.#followUpLate(frame, result, encoded);
  }

  async #followUpLate(frame: Frame, result: unknown, encoded: unknown): Promise<void> {
    await encoded;
    await this.#follow(frame, frame.scope, result);
    if (frame.lateError !== undefined) throw frame.lateError.error;
  }

  #open(
    message: AnyStreamRequest,
    callerSignal: AbortSignal | undefined,
    cause: Frame | undefined,
  ): StreamCall {
    const scope = this.#scopeFor(cause);
    const invoke = this.options.streams.get(message.type);
    let watch: Watch | undefined;
    const stream: StreamCall = new StreamCall({
      open: async (signal) => {
        if (invoke === undefined) throw notHandled(message);
        await this.#enter(cause !== undefined);
        this.#streams.add(stream);
        if (this.#lifecycle.isClosing) stream.abort(new AppClosedError());
        watch = this.report && new Watch(this.report, this.now, message);
        return new Frame(this, message, scope, signal, cause);
      },
      invoke: (frame) => (invoke as InvokeStream)(frame),
      follow: (frame, item) => this.#follow(frame, scope, item),
      leave: (reason) => watch?.cancelled(reason),
      overran: (outcome) => watch?.overran(outcome),
      end: async (end) => {
        this.#streams.delete(stream);
        try {
          await this.#leave(message, scope, cause);
        } catch (error) {
          if (end.outcome === "completed") watch?.failed(error);
          throw error;
        } finally {
          if (end.outcome === "failed") watch?.failed(end.error);
        }
        if (end.outcome === "completed") watch?.completed();
      },
    }, callerSignal);
    return stream;
  }

  /** Lets a stream in once the application has started. */
  async #enter(isNested: boolean): Promise<void> {
    const starting = this.#lifecycle.enter(isNested);
    try {
      await starting;
    } catch (error) {
      this.#lifecycle.leave();
      throw error;
    }
  }

  #follow(frame: Frame, scope: LazyScope, result: unknown): Promise<void> {
    return new EventCascade(this, scope, frame.around).follow(frame, result);
  }

  async #cascade(
    message: AnyEvent,
    run: (cascade: EventCascade) => Promise<void>,
  ): Promise<void> {
    const starting = this.#lifecycle.enter(false);
    const scope = this.#scopeFor(undefined);
    try {
      await starting;
      await run(new EventCascade(this, scope));
    } catch (error) {
      await this.#leave(message, scope, undefined).catch(() => {}); // the observer has seen it
      throw error;
    }
    await this.#leave(message, scope, undefined);
  }

  /** Ends a call, and its scope if it is its own. */
  async #leave(message: AnyMessage, scope: LazyScope, cause: Frame | undefined): Promise<void> {
    try {
      if (scope !== this.#unscoped && scope !== cause?.scope) await scope.dispose();
    } catch (error) {
      this.report?.({ type: "disposal_failed", message, error });
      throw error;
    } finally {
      this.#lifecycle.leave();
    }
  }

  #scopeFor(cause: Frame | undefined): LazyScope {
    if (this.#unscoped !== undefined) return this.#unscoped;
    if (cause !== undefined && this.options.scope === "send") return cause.scope;
    return new LazyScope(this.options.container);
  }
}

/** An observer must not throw; one that does is not let into the work that it observes. */
function observe(observer: Observer, event: ObserverEvent): void {
  try {
    observer(event);
  } catch {
    // Documented on `Observer`.
  }
}

/** Why a message has no handler: nothing handles it, or it is none. */
function notHandled(message: unknown): Error {
  const type = (message as Partial<AnyMessage> | null | undefined)?.type;
  if (typeof message === "object" && typeof type === "string") {
    return new HandlerNotFoundError(type);
  }
  const what = typeof message === "function"
    ? `the definition "${type}"; call it to make a message`
    : String(message);
  return new TypeError(`Cannot handle ${what}`);
}
