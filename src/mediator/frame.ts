import {
  type AnyEvent,
  type AnyMessage,
  type Envelope,
  type MessageMetadata,
  metadataOf,
} from "../message/mod.ts";
import { CallContext, HandlerSettledError } from "./call_context.ts";
import type { DropReason } from "./observer.ts";
import type { Invoke } from "./run_frame.ts";
import type { Runtime } from "./runtime.ts";
import type { LazyScope } from "./scope.ts";

/** An event that a handler emitted, with the frame that it came from. */
export interface Emission {
  readonly message: AnyEvent;
  readonly cause: Frame | undefined;
  /** The final form of a notification. */
  readonly envelope: Envelope | Promise<Envelope> | undefined;
}

/** What a frame may have in place of its parent's; everything else in it is added to the context. */
export interface Overrides {
  /** Another message of the same type. */
  readonly message?: AnyMessage;
  /** A narrower signal. */
  readonly signal?: AbortSignal;
}

/** One `next()` of a middleware that another stands within: what it gave, and the one around it. */
export interface Level {
  promise: Promise<unknown> | undefined;
  readonly outer: Level | undefined;
}

/** A run of a handler within middlewares. */
interface Run {
  /** The innermost `next()` around the one that started the run. */
  readonly level: Level | undefined;
  promise: Promise<unknown> | undefined;
  /** Whether its outcome is waited for. */
  isFollowed: boolean;
  outcome: "pending" | "succeeded" | "failed";
}

/**
 * A call, or a part of one whose emissions stand and fall together: an
 * attempt, a link of a chain, a primary. Handlers see its {@linkcode Frame.context}.
 */
export class Frame {
  readonly runtime: Runtime;
  readonly message: AnyMessage;
  /** The frame whose handler sent or emitted the message. */
  readonly cause: Frame | undefined;
  /** Where this run gets its services from. */
  scope: LazyScope;
  #signal: AbortSignal | undefined;
  readonly #parent: Frame | undefined;
  #additions: object | undefined;
  #context: CallContext | undefined;
  #metadata: MessageMetadata | undefined;
  #emissions: Emission[] | undefined;
  #kept: Frame[] | undefined;
  #run: Run | undefined;
  #hasSucceeded = false;
  /** Whether a success in this frame is one of the frame around it: not so for a link that another link asked. */
  #isWhole = true;
  #lateError: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(
    runtime: Runtime,
    message: AnyMessage,
    scope: LazyScope,
    signal: AbortSignal | undefined,
    cause: Frame | undefined,
    parent?: Frame,
  ) {
    this.runtime = runtime;
    this.message = message;
    this.scope = scope;
    this.#signal = signal;
    this.cause = cause;
    this.#parent = parent;
  }

  /** What the handlers and middlewares of this frame receive. */
  get context(): CallContext {
    return this.#context ??= new CallContext(this, this.#additions);
  }

  get metadata(): MessageMetadata {
    return this.#metadata ??= metadataOf(this.message, this.cause?.metadata);
  }

  get signal(): AbortSignal {
    return this.#signal ??= new AbortController().signal;
  }

  /** The signal, unless nobody can cancel this call. */
  get cancellation(): AbortSignal | undefined {
    return this.#signal;
  }

  /** Opens a frame within this one. */
  fork(overrides?: Overrides): Frame {
    if (overrides === undefined) return this.#fork(this.message, this.#signal, this.#additions);
    const { message = this.message, signal = this.#signal, ...added } = overrides;
    if (message.type !== this.message.type) {
      throw new TypeError(`Cannot pass on "${message.type}" in place of "${this.message.type}"`);
    }
    if (message.metadata === undefined) {
      throw new TypeError(`Cannot pass on "${message.type}" without metadata: use withData()`);
    }
    return this.#fork(message, signal, { ...this.#additions, ...added });
  }

  /** Adds to the context that handlers will see. */
  add(additions: object): this {
    this.#additions = { ...this.#additions, ...additions };
    this.#context = undefined;
    return this;
  }

  /** Opens a frame within this one for a part of a run, whose success is not yet that of the run. */
  forkPart(overrides?: Overrides): Frame {
    const frame = this.fork(overrides);
    frame.#isWhole = false;
    return frame;
  }

  /** Takes an event that a handler emits. */
  emit(message: AnyEvent): void {
    if (this.#hasRun || this.#hasEnded || this.isCutOff) {
      throw new HandlerSettledError(message.type);
    }
    const envelope = message.kind === "notification"
      ? this.runtime.envelope(message, this)
      : undefined;
    if (envelope instanceof Promise) envelope.catch(() => {}); // whoever awaits `encoded` sees it
    this.#add([{ message, cause: this, envelope }]);
  }

  /** Whether anything was emitted that has not been taken. */
  get hasEmissions(): boolean {
    return this.#emissions !== undefined || this.#kept !== undefined;
  }

  /**
   * Resolves when what was emitted can be taken; `undefined` when that is now.
   * A codec may be at work on it, and a run within middlewares that has just
   * succeeded is known to have a turn later.
   */
  get encoded(): Promise<unknown> | undefined {
    const pending: Promise<unknown>[] = [];
    this.#collectPending(pending);
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  /** Takes what this frame and those that it kept have emitted. */
  takeEmissions(): readonly Emission[] {
    // A middleware need not wait for the run that it started; what that emitted does not count then.
    if (this.#run?.outcome === "pending" && this.#run.isFollowed) this.#dropOwn();
    const emissions = this.#emissions ?? [];
    const kept = this.#kept?.flatMap((frame) => frame.takeEmissions()) ?? [];
    this.#emissions = this.#kept = undefined;
    return kept.length === 0 ? emissions : [...emissions, ...kept];
  }

  /** Takes over what a frame within this one has emitted, unless nobody waits for that any more. */
  absorb(frame: Frame): void {
    if (!frame.hasEmissions) return;
    if (frame.isCutOff || this.#hasRun || this.#hasEnded) return frame.drop("cancelled");
    this.expectEmissions();
    this.#add(frame.takeEmissions());
  }

  /** Marks that the handler has succeeded: an abort comes too late from now on. */
  succeed(): void {
    this.#hasSucceeded = true;
    if (this.#isWhole) this.#parent?.succeed();
  }

  /** Whether the handler of this frame has succeeded. */
  get hasSucceeded(): boolean {
    return this.#hasSucceeded;
  }

  /** Has the call fail at its end with what went wrong after the handler had succeeded. */
  failLater(error: unknown): void {
    this.#root.#lateError ??= { error };
  }

  /** What the call fails with at its end. */
  get lateError(): { readonly error: unknown } | undefined {
    return this.#lateError;
  }

  /**
   * Ends this frame and those within it: more emissions are refused from now on.
   *
   * @returns Whether anything is left to be done.
   */
  close(): boolean {
    this.#isOver = true;
    return this.hasEmissions || this.#lateError !== undefined;
  }

  /** Ends the frame and drops what was emitted in it. */
  drop(reason: DropReason): void {
    this.close();
    this.#report(this.takeEmissions(), reason);
  }

  /** Runs a handler within middlewares: in this frame, or in a new one when this has had its run. */
  host(invoke: Invoke, level: Level | undefined): Promise<unknown> {
    if (this.#run !== undefined) return this.fork().host(invoke, level);
    // A middleware may run the handler again after a success: an abort comes in time once more.
    if (this.#parent !== undefined) this.#root.#hasSucceeded = false;
    // A caller who can abort has to know whether that comes too late.
    const isFollowed = this.#signal !== undefined;
    const run: Run = { level, promise: undefined, isFollowed, outcome: "pending" };
    this.#run = run;
    run.promise = start(invoke, this);
    if (run.isFollowed) this.#follow(run, run.promise);
    return run.promise;
  }

  /** Prepares for emissions. A run that has none, as most have, is not followed, which would cost as much as it. */
  expectEmissions(): void {
    const run = this.#run;
    if (run === undefined || run.isFollowed) return;
    run.isFollowed = true;
    if (run.promise !== undefined) this.#follow(run, run.promise);
  }

  /**
   * Whether the run in this frame was given up while it goes on: it ran out of
   * the time of this frame, or the caller aborted before it succeeded. A stream
   * whose reader leaves is not: its last words count until it has ended.
   */
  get isCutOff(): boolean {
    const around = this.#parent;
    if (this.#signal?.aborted === true) {
      if (around !== undefined && around.#signal?.aborted !== true) return true;
      if (this.message.kind !== "stream" && !this.#hasSucceeded) return true;
    }
    return around !== undefined && around.isCutOff;
  }

  get #hasRun(): boolean {
    return this.#run !== undefined && this.#run.outcome !== "pending";
  }

  get #hasEnded(): boolean {
    return this.#isOver || (this.#parent !== undefined && this.#parent.#hasEnded);
  }

  #fork(
    message: AnyMessage,
    signal: AbortSignal | undefined,
    additions: object | undefined,
  ): Frame {
    const frame = new Frame(this.runtime, message, this.scope, signal, this.cause, this);
    frame.#additions = additions;
    return frame;
  }

  /**
   * Settles the emissions when the run does: they count if it succeeds, and
   * every middleware around it does. Each `next()` that fails after all drops
   * them, so that a middleware which runs the handler again emits once.
   */
  #follow(run: Run, promise: Promise<unknown>): void {
    const fail = () => this.#dropOwn();
    promise.then(() => {
      run.outcome = "succeeded";
      if (this.isCutOff) return fail();
      this.succeed();
      for (let at = run.level; at !== undefined; at = at.outer) {
        at.promise?.then(undefined, fail);
      }
    }, () => {
      run.outcome = "failed";
      fail();
    });
  }

  #dropOwn(): void {
    const emissions = this.#emissions ?? [];
    this.#emissions = undefined;
    this.#report(emissions, this.isCutOff ? "cancelled" : "handler_failed");
  }

  #add(emissions: readonly Emission[]): void {
    if (this.#emissions === undefined) {
      this.#emissions = [];
      // The frame of the call asks at its end which of the runs within it have succeeded.
      if (this.#run !== undefined && this.#parent !== undefined) {
        (this.#root.#kept ??= []).push(this);
      }
    }
    for (const emission of emissions) this.#emissions.push(emission);
  }

  /** The frame of the call. */
  get #root(): Frame {
    return this.#parent === undefined ? this : this.#parent.#root;
  }

  #report(dropped: readonly Emission[], reason: DropReason): void {
    if (dropped.length === 0) return;
    this.runtime.report?.({
      type: "dropped",
      messages: dropped.map(({ message }) => message),
      reason,
    });
  }

  #collectPending(pending: Promise<unknown>[]): void {
    if (this.#run !== undefined) pending.push(Promise.resolve());
    for (const { envelope } of this.#emissions ?? []) {
      if (envelope instanceof Promise) pending.push(envelope);
    }
    for (const frame of this.#kept ?? []) frame.#collectPending(pending);
  }
}

/** Starts a run; what it throws at once becomes a rejection. */
function start(invoke: Invoke, frame: Frame): Promise<unknown> {
  try {
    const running = invoke(frame);
    return running instanceof Promise ? running : Promise.resolve(running);
  } catch (error) {
    return Promise.reject(error);
  }
}
