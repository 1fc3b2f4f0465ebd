import { SluiceError } from "../errors.ts";
import {
  type AnyEvent,
  type AnyMessage,
  type AnyRequest,
  type AnyStreamRequest,
  type Envelope,
  type ItemOf,
  type MessageMetadata,
  type Notification,
  type ResultOf,
  toEnvelope,
} from "../message/mod.ts";
import type { Token } from "./container.ts";
import type { CallOptions, Context, MiddlewareContext } from "./context.ts";
import type { ItemStream } from "./item_stream.ts";
import type { DropReason, ObserverEvent } from "./observer.ts";
import type { Runtime } from "./runtime.ts";
import type { LazyScope } from "./scope.ts";

/** A handler emitted an event after its run had settled or was cancelled, so nobody waits for it any more. */
export class HandlerSettledError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "HandlerSettledError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "handler_settled";
  /** The type of the event that was refused. */
  readonly messageType: string;

  /** Creates the error for an event of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot emit "${messageType}" as its handler has settled or was cancelled`, options);
    this.messageType = messageType;
  }
}

/** A notification was emitted, but there is no broker that could take it. */
export class NoPublisherError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "NoPublisherError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "no_publisher";
  /** The type of the notification that was refused. */
  readonly messageType: string;

  /** Creates the error for a notification of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot emit notification "${messageType}" as no broker is configured`, options);
    this.messageType = messageType;
  }
}

/** An event that a handler emitted, with the context that it came from. */
export interface Emission {
  readonly message: AnyEvent;
  readonly cause: CallContext | undefined;
  /** The final form of a notification. */
  readonly envelope: Envelope | Promise<Envelope> | undefined;
}

/** What a frame may have in place of its parent's: see {@linkcode CallContext.fork}. */
export interface Overrides {
  /** Another message of the same type. */
  readonly message?: AnyMessage;
  /** A narrower signal. */
  readonly signal?: AbortSignal;
}

/** One `next()` of a middleware: what it gave, and the one around it. */
export interface Level {
  promise: Promise<unknown> | undefined;
  readonly outer: Level | undefined;
}

/** A run of a handler within middlewares. */
export interface Run {
  readonly promise: Promise<unknown>;
  /** The frame that the emissions of successful runs go to. */
  readonly root: CallContext;
  /** The `next()` that started the run. */
  readonly level: Level | undefined;
}

/**
 * The context of one call, or of one frame of it: a frame is a run whose
 * emissions stand and fall together (an attempt, a link, a primary).
 */
export class CallContext implements Context, MiddlewareContext {
  readonly message: AnyMessage;
  /** The application's side of the call. */
  readonly runtime: Runtime;
  /** The context whose handler sent or emitted the message. */
  readonly cause: CallContext | undefined;
  /** Where this run gets its services from. */
  scope: LazyScope;
  readonly #parent: CallContext | undefined;
  #signal: AbortSignal | undefined;
  #additions: object | undefined;
  #emits = false;
  #isHost = false;
  #isSettled = false;
  #isOver = false;
  #run: Run | undefined;
  #emissions: Emission[] | undefined;
  #kept: CallContext[] | undefined;
  #metadata: MessageMetadata | undefined;

  constructor(
    runtime: Runtime,
    message: AnyMessage,
    scope: LazyScope,
    signal: AbortSignal | undefined,
    cause: CallContext | undefined,
    parent?: CallContext,
  ) {
    this.message = message;
    this.runtime = runtime;
    this.cause = cause;
    this.scope = scope;
    this.#parent = parent;
    this.#signal = signal;
  }

  get id(): string {
    return this.message.metadata.id;
  }

  get metadata(): MessageMetadata {
    return this.#metadata ??= metadataOf(this.message, this.cause);
  }

  get signal(): AbortSignal {
    return this.#signal ??= new AbortController().signal;
  }

  /** The signal, unless nobody can cancel this call. */
  get cancellation(): AbortSignal | undefined {
    return this.#signal;
  }

  get emit(): (...events: readonly AnyEvent[]) => void {
    if (!this.#emits) {
      this.#emits = true;
      if (this.#run !== undefined) this.#follow(this.#run);
    }
    return (...events) => {
      for (const event of events) this.#emit(event);
    };
  }

  get send(): <R extends AnyRequest>(request: R, options?: CallOptions) => Promise<ResultOf<R>> {
    return (request, options = { signal: this.#signal }) =>
      this.runtime.send(request, options, this);
  }

  get stream(): <R extends AnyStreamRequest>(
    request: R,
    options?: CallOptions,
  ) => ItemStream<ItemOf<R>> {
    return (request, options = { signal: this.#signal }) =>
      this.runtime.stream(request, options, this);
  }

  get resolve(): <T>(token: Token<T>) => Promise<T> {
    return (token) => this.scope.resolve(token);
  }

  get report(): (event: ObserverEvent) => void {
    return (event) => this.runtime.report?.(event);
  }

  /**
   * Opens a frame within this one. `overrides` may replace the message and the
   * signal; everything else in it is added to the context.
   */
  fork(overrides?: Overrides): CallContext {
    if (overrides?.message !== undefined && overrides.message.type !== this.message.type) {
      throw new TypeError(
        `Cannot pass on "${overrides.message.type}" in place of "${this.message.type}"`,
      );
    }
    const frame = new CallContext(
      this.runtime,
      overrides?.message ?? this.message,
      this.scope,
      overrides?.signal ?? this.#signal,
      this.cause,
      this,
    );
    if (this.#additions !== undefined || overrides !== undefined) {
      frame.#extend(this.#additions, overrides);
    }
    return frame;
  }

  /** Whether anything was emitted that has not been taken. */
  get hasEmissions(): boolean {
    return this.#emissions !== undefined || this.#kept !== undefined;
  }

  /** Resolves when a codec that works asynchronously has encoded what was emitted; `undefined` when none did. */
  get encoded(): Promise<unknown> | undefined {
    const pending = this.#pendingEnvelopes();
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  /**
   * Gives the frame in which a run within middlewares takes place: this one, or
   * another when it has had its run.
   */
  host(): CallContext {
    if (this.#isHost) return this.fork();
    this.#isHost = true;
    return this;
  }

  /** Learns of the run that takes place in this frame. Only one that emits needs to be followed. */
  hosts(run: Run): void {
    this.#run = run;
    if (this.#emits) this.#follow(run);
  }

  /**
   * Settles the frame's emissions when its run does: they count if the run
   * succeeds, and every middleware around it does. Each `next()` that fails
   * after all drops them, so that a middleware which runs the handler again
   * emits once.
   */
  #follow({ promise, root, level }: Run): void {
    const fail = () => this.#dropOwn(this.isCutOff ? "cancelled" : "handler_failed");
    promise.then(() => {
      this.#isSettled = true;
      if (this.isCutOff) return fail();
      if (this !== root) root.keep(this);
      for (let outer = level?.outer; outer !== undefined; outer = outer.outer) {
        Promise.resolve(outer.promise).then(undefined, fail);
      }
    }, () => {
      this.#isSettled = true;
      fail();
    });
  }

  /** Takes what this frame and those that it kept have emitted. */
  takeEmissions(): readonly Emission[] {
    const emissions = this.#emissions ?? [];
    const kept = this.#kept?.flatMap((frame) => frame.takeEmissions()) ?? [];
    this.#emissions = this.#kept = undefined;
    return kept.length === 0 ? emissions : [...emissions, ...kept];
  }

  /** Takes over what a frame within this one has emitted. */
  absorb(frame: CallContext): void {
    if (frame.hasEmissions) (this.#emissions ??= []).push(...frame.takeEmissions());
  }

  /** Keeps a frame's emissions until this one settles; the frame may still be dropped until then. */
  keep(frame: CallContext): void {
    (this.#kept ??= []).push(frame);
  }

  /** Ends the frame, and tells whether anything was emitted in it. */
  settle(): boolean {
    this.#isOver = true;
    return this.#emissions !== undefined || this.#kept !== undefined;
  }

  /** Ends the frame and those within it: they refuse what is emitted from now on. */
  close(): void {
    this.#isOver = true;
  }

  /** Ends the frame and drops what was emitted in it. */
  drop(reason: DropReason): void {
    this.close();
    this.#report(this.takeEmissions(), reason);
  }

  #dropOwn(reason: DropReason): void {
    const emissions = this.#emissions ?? [];
    this.#emissions = undefined;
    this.#report(emissions, reason);
  }

  #report(dropped: readonly Emission[], reason: DropReason): void {
    if (dropped.length === 0) return;
    this.report({ type: "dropped", messages: dropped.map(({ message }) => message), reason });
  }

  #pendingEnvelopes(): Promise<Envelope>[] {
    const pending: Promise<Envelope>[] = [];
    for (const { envelope } of this.#emissions ?? []) {
      if (envelope instanceof Promise) pending.push(envelope);
    }
    return this.#kept === undefined
      ? pending
      : pending.concat(...this.#kept.map((frame) => frame.#pendingEnvelopes()));
  }

  /**
   * Whether the run in this frame was given up while it goes on. A stream whose
   * reader leaves is not: its last words count until it has ended. A stream that
   * ran out of time is: its own signal has aborted, and that around it has not.
   */
  get isCutOff(): boolean {
    const parent = this.#parent;
    if (this.#signal?.aborted === true) {
      if (this.message.kind !== "stream") return true;
      if (
        parent !== undefined && parent.#signal !== this.#signal && parent.#signal?.aborted !== true
      ) return true;
    }
    return parent !== undefined && parent.isCutOff;
  }

  get #hasEnded(): boolean {
    return this.#isOver || (this.#parent !== undefined && this.#parent.#hasEnded);
  }

  #emit(message: AnyEvent): void {
    if (this.#isSettled || this.#hasEnded || this.isCutOff) {
      throw new HandlerSettledError(message.type);
    }
    const envelope = message.kind === "notification"
      ? this.runtime.envelope(message, this)
      : undefined;
    if (envelope instanceof Promise) {
      envelope.catch(() => {}); // whoever awaits `encoded` sees it
    }
    (this.#emissions ??= []).push({ message, cause: this, envelope });
  }

  #extend(inherited: object | undefined, overrides: Overrides | undefined): void {
    const { message: _message, signal: _signal, ...added } = overrides ?? {};
    const additions = { ...inherited, ...added };
    for (const name of Object.keys(additions)) {
      if (name in CallContext.prototype) {
        throw new TypeError(`Cannot add "${name}" to the context as every context has it`);
      }
    }
    this.#additions = additions;
    Object.assign(this, additions);
  }
}

/** The metadata of a message that was sent or emitted from `cause`. */
export function metadataOf(message: AnyMessage, cause: CallContext | undefined): MessageMetadata {
  const own = message.metadata;
  const before = cause?.metadata;
  return {
    ...own,
    correlationId: own.correlationId ?? before?.correlationId ?? own.id,
    causationId: own.causationId ?? before?.id,
    traceparent: own.traceparent ?? before?.traceparent,
  };
}

/** Makes the envelope in which a notification leaves, with what follows from where it was emitted. */
export function envelopeOf(
  message: Notification,
  { codec, source }: Pick<Runtime, "codec" | "source">,
  cause: CallContext | undefined,
): Envelope | Promise<Envelope> {
  return toEnvelope(message, { codec, source, metadata: metadataOf(message, cause) });
}
