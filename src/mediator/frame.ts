import type { AnyEvent, AnyMessage, MessageMetadata } from "../message/mod.ts";
import { metadataOf } from "../message/mod.ts";
import { CallContext, HandlerSettledError } from "./call_context.ts";
import type { Emission } from "./emission.ts";
import type { DropReason } from "./observer.ts";
import { type Level, type Run, startRun } from "./run.ts";
import type { Invoke, Overrides } from "./run_frame.ts";
import type { Runtime } from "./runtime.ts";
import type { LazyScope } from "./scope.ts";
import type { Commit, Ties } from "./ties.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/**
 * What a frame is: a call, what a middleware changes for those further in, or a run within a composite,
 * which makes the success of the frame around it unless it is only a part: a link that another link asked.
 */
type Role = "call" | "step" | "run" | "part";

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
  #parent: Frame | undefined;
  #role: Role = "call";
  #ties: Ties | undefined;
  #additions: object | undefined;
  #context: CallContext | undefined;
  #metadata: MessageMetadata | undefined;
  #emissions: Emission[] | undefined;
  #kept: Frame[] | undefined;
  #run: Run | undefined;
  #hasSucceeded = false;
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
    // The rest stands apart so that this is short enough for engines to inline it: every call comes by.
    const near = parent ?? cause;
    if (near !== undefined && near.#ties !== undefined) this.#inherit(near, near.#ties);
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

  /** The frames of the units of work that are open around this frame, the innermost first. */
  get units(): readonly Frame[] {
    const units: Frame[] = [];
    let at = this.#ties?.unit;
    while (at !== undefined) {
      const { outer, work }: Ties = at.ties;
      if (work !== undefined) units.push(at);
      at = outer?.ties.unit;
    }
    return units;
  }

  /** Whether this frame was opened for a unit of work, or to join one. */
  get isUnit(): boolean {
    return this.#ties?.outer !== undefined;
  }

  /** The frame that gets what is emitted in this call, as that began in a unit of work. */
  get around(): Frame | undefined {
    return this.#ties?.around;
  }

  get ties(): Ties {
    return this.#ties ??= {};
  }

  /** Settles as the last commit of this call does, from when that begins until it fails. */
  get committed(): Promise<unknown> | undefined {
    return this.#call.#ties?.committed;
  }

  /** Opens a frame within this one. */
  fork(overrides?: Overrides, role: Role = "step"): Frame {
    if (overrides === undefined) {
      return this.#fork(role, this.message, this.#signal, this.#additions);
    }
    const { message = this.message, signal = this.#signal, unitOfWork, ...added } = overrides;
    if (message.type !== this.message.type) {
      throw new TypeError(`Cannot pass on "${message.type}" in place of "${this.message.type}"`);
    }
    if (message.metadata === undefined) {
      throw new TypeError(`Cannot pass on "${message.type}" without metadata: use withData()`);
    }
    const frame = this.#fork(role, message, signal, { ...this.#additions, ...added });
    if (unitOfWork !== undefined) frame.#enter(unitOfWork, this);
    return frame;
  }

  /** Adds to the context that handlers will see. */
  add(additions: object): this {
    this.#additions = { ...this.#additions, ...additions };
    this.#context = undefined;
    return this;
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
    return this.#emissions !== undefined || this.#kept !== undefined ||
      this.#ties?.commits !== undefined;
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

  /** Takes what was emitted in units of work that are committed. */
  takeCommitted(): readonly Emission[] {
    const commits = this.#ties?.commits;
    if (commits === undefined) return [];
    this.ties.commits = undefined;
    return commits.flatMap(({ emissions }) => emissions);
  }

  /** Takes over what a frame within this one has emitted, unless nobody waits for that any more. */
  absorb(frame: Frame): void {
    if (!frame.hasEmissions) return;
    // What a middleware sent goes with the unit of work or the call around it.
    if (this.#role === "step" && this.#run === undefined) return this.#parent?.absorb(frame);
    if (frame.isCutOff || this.#hasRun || this.#hasEnded) return frame.drop("cancelled");
    this.expectEmissions();
    const emissions = frame.takeEmissions();
    const holder = this.#kept === undefined ? this : this.fork();
    if (holder !== this) this.#kept?.push(holder); // behind what runs have emitted before
    holder.#add(emissions);
  }

  /** Marks that the handler has succeeded: an abort comes too late from now on. */
  succeed(): void {
    this.#hasSucceeded = true;
    if (this.#role !== "part") this.#parent?.succeed();
  }

  /**
   * Begins the commit of the unit of work that this frame was opened for, which has succeeded when
   * `whole` does. From here on nothing cancels the call and nothing drops its `emissions`, unless the
   * commit fails.
   *
   * @throws The reason of a signal around it that has aborted, unless another commit came before.
   */
  commit(whole: Promise<unknown>, emissions: readonly Emission[]): void {
    const call = this.#call;
    const { ties } = call;
    for (let at = this as Frame | undefined; at !== undefined; at = at.#parent ?? at.#ties?.outer) {
      if (ties.committed === undefined) at.#signal?.throwIfAborted();
    }
    if (call.#isOver) throw AbortSignal.abort().reason; // nobody waits for it any more
    const settled = whole.catch(() => {
      ties.committed = undefined;
      commit.emissions = [];
      this.#report(emissions, "handler_failed");
    });
    const commit: Commit = { emissions, settled };
    ties.committed = whole;
    (ties.commits ??= []).push(commit);
  }

  /** Whether the handler of this frame has succeeded. */
  get hasSucceeded(): boolean {
    return this.#hasSucceeded || this.#ties?.committed !== undefined;
  }

  /** Has the call fail at its end with what went wrong after the handler had succeeded. */
  failLater(error: unknown): void {
    this.#call.ties.lateError ??= { error };
  }

  /** What the call fails with at its end. */
  get lateError(): { readonly error: unknown } | undefined {
    return this.#ties?.lateError;
  }

  /**
   * Ends this frame and those within it: more emissions are refused from now on.
   *
   * @returns Whether anything may be left to be done.
   */
  close(): boolean {
    this.#isOver = true;
    return this.#emissions !== undefined || this.#kept !== undefined || this.#ties !== undefined;
  }

  /** Ends the frame and drops what was emitted in it, but for what a commit has made final. */
  drop(reason: DropReason, taken: readonly Emission[] = []): void {
    this.close();
    this.#report([...taken, ...this.takeEmissions()], reason);
  }

  /** Runs a handler within middlewares: in this frame, or in a new one when this has had its run. */
  host(invoke: Invoke, level: Level | undefined): Promise<unknown> {
    // Within a unit of work what middlewares send must not be dropped with a run.
    const isInUnit = this.#ties?.unit !== undefined && this.units.length > 0;
    return (this.#run !== undefined || isInUnit ? this.fork() : this).#start(invoke, level);
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
    role: Role,
    message: AnyMessage,
    signal: AbortSignal | undefined,
    additions: object | undefined,
  ): Frame {
    const frame = new Frame(this.runtime, message, this.scope, signal, this.cause, this);
    frame.#role = role;
    frame.#additions = additions;
    return frame;
  }

  #inherit(near: Frame, { unit }: Ties): void {
    if (unit === undefined) return;
    const around = this.#parent === undefined && near.units.length > 0 ? near : undefined;
    this.#ties = { unit, around };
  }

  #enter(work: UnitOfWork, around: Frame): void {
    if (this.message.kind === "stream") {
      throw new TypeError("Cannot run a stream in a unit of work");
    }
    const { units } = around;
    const joined = units.find(({ ties }) => ties.work === work);
    if (joined !== undefined && joined === units[0]) return; // it gets all from here anyway
    this.#parent = undefined;
    this.#role = "call";
    this.#ties = { unit: joined === undefined ? this : units[0], outer: around, joined };
    if (joined !== undefined) return;
    this.#ties.work = work;
    this.#call.ties.committed = undefined;
  }

  #start(invoke: Invoke, level: Level | undefined): Promise<unknown> {
    // A middleware may run the handler again after a success: an abort comes in time once more.
    if (this.#parent !== undefined) this.#root.#hasSucceeded = false;
    // A caller who can abort has to know whether that comes too late.
    const isFollowed = this.#signal !== undefined;
    const run: Run = { level, promise: undefined, isFollowed, outcome: "pending" };
    this.#run = run;
    run.promise = startRun(invoke, this);
    if (run.isFollowed) this.#follow(run, run.promise);
    return run.promise;
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
      if (this.#run !== undefined && this.#parent !== undefined) {
        (this.#root.#kept ??= []).push(this);
      }
    }
    for (const emission of emissions) this.#emissions.push(emission);
  }

  /** The frame of the unit of work or else of the call, which asks which of the runs within it have succeeded. */
  get #root(): Frame {
    return this.#parent === undefined ? this : this.#parent.#root;
  }

  /** The frame of the whole call. */
  get #call(): Frame {
    const around = this.#parent ?? this.#ties?.outer;
    return around === undefined ? this : around.#call;
  }

  #report(dropped: readonly Emission[], reason: DropReason): void {
    if (dropped.length === 0) return;
    const messages = dropped.map(({ message }) => message);
    this.runtime.report?.({ type: "dropped", messages, reason });
  }

  #collectPending(pending: Promise<unknown>[]): void {
    if (this.#run !== undefined) pending.push(Promise.resolve());
    for (const { settled } of this.#ties?.commits ?? []) pending.push(settled);
    for (const { envelope } of this.#emissions ?? []) {
      if (envelope instanceof Promise) pending.push(envelope);
    }
    for (const frame of this.#kept ?? []) frame.#collectPending(pending);
  }
}
