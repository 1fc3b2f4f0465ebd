import { SluiceError } from "../errors.ts";
import { type Publisher, PublishError, type PublishResult } from "../broker/mod.ts";
import type { AnyEvent, Envelope } from "../message/mod.ts";
import type { Emission } from "./emission.ts";
import { Frame } from "./frame.ts";
import type { DropReason } from "./observer.ts";
import { dropReason, type Invoke } from "./run_frame.ts";
import type { Runtime } from "./runtime.ts";
import type { LazyScope } from "./scope.ts";
import type { NotificationStore } from "./unit_of_work.ts";

/** What became of one event that could not be handled, stored or published. */
export interface EventFailure {
  /** The event. */
  readonly event: AnyEvent;
  /** What its handler threw, or why it was not stored or published. */
  readonly error: unknown;
}

/**
 * A request was handled, but not all that followed from it: handlers of its
 * events failed, or notifications were not stored or confirmed. Everything else
 * that followed has been done; only where events are handled inside of a unit of
 * work, all of it is undone, and the request with it.
 */
export class EventHandlingError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "EventHandlingError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "event_handling";
  /** Every failure, level by level, in the order in which the events were emitted. */
  readonly failures: readonly EventFailure[];
  /** The errors alone. */
  readonly errors: readonly unknown[];
  /** The result of the request; `undefined` for an event, the item for a stream. */
  readonly result: unknown;

  /** Creates the error; its `cause` is the first failure. */
  constructor(failures: readonly EventFailure[], result: unknown) {
    const [first] = failures;
    const more = failures.length > 1 ? ` and ${failures.length - 1} more` : "";
    super(`Cannot complete the handling of event "${first?.event.type ?? "unknown"}"${more}`, {
      cause: first?.error,
    });
    this.failures = failures;
    this.errors = failures.map(({ error }) => error);
    this.result = result;
  }
}

/** Events lay deeper in a cascade than allowed: most likely they cause each other in a circle. */
export class EventCycleError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "EventCycleError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "event_cycle";
  /** The types of the events that led to the one that was dropped, which comes last. */
  readonly path: readonly string[];

  /** Creates the error for the events on the way down. */
  constructor(path: readonly string[], options?: ErrorOptions) {
    super(
      `Cannot dispatch event "${path.at(-1)}" at depth ${path.length}: ${path.join(" > ")}`,
      options,
    );
    this.path = path;
  }
}

/** How a cascade runs. */
export interface CascadeOptions {
  /** How many event handlers one call runs at a time. */
  readonly concurrency: number;
  /** How many levels of events may follow from one call. */
  readonly maxDepth: number;
  /** What becomes of failures. */
  readonly onError: "throw" | "isolate";
  readonly publisher: Publisher | undefined;
  /** Takes notifications in place of the publisher. */
  readonly store: NotificationStore | undefined;
}

/** What a cascade needs of its application. */
export interface CascadeRuntime extends Runtime {
  readonly options: CascadeOptions;
  /** The compiled handlers of an event. */
  handlersOf(type: string): readonly Invoke[];
  /** Milliseconds for durations. */
  now(): number;
}

/** One handler's run for one event. */
interface Run {
  readonly event: EventRun;
  readonly invoke: Invoke;
  readonly frame: Frame;
  failure: EventFailure | undefined;
}

/** One event of a level. */
interface EventRun {
  readonly message: AnyEvent;
  readonly handlers: number;
  startedMs: number;
  pending: number;
  failed: boolean;
}

/**
 * Everything that follows from one call: events level by level, and at the end
 * the notifications in one go. Failures are collected, and thrown at the end if
 * that is wanted.
 */
export class EventCascade {
  readonly #failures: EventFailure[] = [];
  readonly #runtime: CascadeRuntime;
  readonly #scope: LazyScope;
  readonly #outgoing: Emission[] = [];
  /** The frame that gets what is emitted, as the call is in a unit of work around it. */
  readonly #around: Frame | undefined;
  /** The frame of the unit of work before whose commit everything is to be done. */
  readonly #host: Frame | undefined;

  constructor(runtime: CascadeRuntime, scope: LazyScope, around?: Frame, host?: Frame) {
    this.#runtime = runtime;
    this.#scope = scope;
    this.#around = around;
    this.#host = host;
  }

  /** Dispatches what was emitted in a frame on its way to `result`. */
  follow(frame: Frame, result: unknown): Promise<void> {
    const runs: Run[] = [];
    this.#takeFrom(frame, runs);
    return this.#levels(runs, result);
  }

  /** Dispatches what was emitted. */
  followAll(emissions: readonly Emission[]): Promise<void> {
    const runs: Run[] = [];
    for (const emission of emissions) this.#take(emission, runs);
    return this.#levels(runs, undefined);
  }

  /** As {@linkcode follow} does, before a commit: one handler after the other. Gives the notifications. */
  async followInside(frame: Frame, result: unknown): Promise<readonly Emission[]> {
    await this.follow(frame, result);
    return this.#outgoing;
  }

  /** Sees to one event. */
  emit(emission: Emission): Promise<void> {
    const runs: Run[] = [];
    this.#take(emission, runs);
    return this.#levels(runs, undefined);
  }

  /** Runs the local handlers of an event, whatever its kind. */
  dispatch(message: AnyEvent): Promise<void> {
    const runs: Run[] = [];
    this.#plan(message, undefined, runs);
    return this.#levels(runs, undefined);
  }

  async #levels(first: readonly Run[], result: unknown): Promise<void> {
    const { maxDepth, onError } = this.#runtime.options;
    const isInside = this.#host !== undefined;
    let runs = first;
    for (let depth = 1; runs.length > 0; depth++) {
      if (depth > maxDepth) {
        this.#cut(runs);
        runs = [];
        break;
      }
      this.#announce(runs);
      await this.#level(runs);
      const next: Run[] = [];
      for (const { frame, failure } of runs) {
        if (failure !== undefined) this.#failures.push(failure);
        if (frame.hasEmissions) this.#takeFrom(frame, next);
      }
      runs = next;
      if (isInside && this.#failures.length > 0) break; // all of it is undone
    }
    if (!isInside) {
      if (this.#outgoing.length > 0) await this.#publish(this.#outgoing);
    } else if (this.#failures.length > 0) {
      this.#drop([...this.#outgoing, ...runs.map(({ event }) => event)], "handler_failed");
    }
    if (this.#failures.length > 0 && (isInside || onError === "throw")) {
      throw new EventHandlingError(this.#failures, result);
    }
  }

  #takeFrom(frame: Frame, runs: Run[]): void {
    this.#around?.absorb(frame);
    for (const emission of frame.takeEmissions()) this.#take(emission, runs);
    for (const emission of frame.takeCommitted()) this.#take(emission, runs);
  }

  #take(emission: Emission, runs: Run[]): void {
    const { message, cause, envelope, isStored } = emission;
    if (envelope === undefined) this.#plan(message, cause, runs);
    else if (isStored === true) {
      this.#runtime.report?.({ type: "stored", envelope: envelope as Envelope });
    } else this.#outgoing.push(emission);
  }

  #plan(message: AnyEvent, cause: Frame | undefined, runs: Run[]): void {
    const runtime = this.#runtime;
    const handlers = runtime.handlersOf(message.type);
    const { length } = handlers;
    if (length === 0) return runtime.report?.({ type: "unhandled", message });
    const event: EventRun = {
      message,
      handlers: length,
      startedMs: 0,
      pending: length,
      failed: false,
    };
    const signal = this.#host?.cancellation;
    for (const invoke of handlers) {
      const frame = new Frame(runtime, message, this.#scope, signal, cause);
      runs.push({ event, invoke, frame, failure: undefined });
    }
  }

  #announce(runs: readonly Run[]): void {
    const { report } = this.#runtime;
    if (report === undefined) return;
    for (const event of new Set(runs.map(({ event }) => event))) {
      const { message, handlers } = event;
      event.startedMs = this.#runtime.now();
      report({ type: "dispatched", message, handlers });
    }
  }

  /** Starts the runs of a level in their order, as many at a time as the limit allows, and waits for all. */
  #level(runs: readonly Run[]): Promise<void> {
    const concurrency = this.#host === undefined ? this.#runtime.options.concurrency : 1;
    return new Promise((resolve) => {
      let started = 0;
      let settled = 0;
      const start = () => {
        while (started < runs.length && started - settled < concurrency) {
          this.#start(runs[started++] as Run, done);
        }
      };
      const done = () => {
        settled++;
        if (settled === runs.length) resolve();
        else if (started < runs.length) start();
      };
      start();
    });
  }

  /** Starts one run and calls `done` when it has settled, never before this returns. */
  #start(run: Run, done: () => void): void {
    const { frame } = run;
    let running: unknown;
    try {
      running = run.invoke(frame);
    } catch (error) {
      running = Promise.reject(error);
    }
    const promise = running instanceof Promise ? running : Promise.resolve(running);
    promise.then(() => {
      // Almost always what was emitted is encoded at once.
      const encoded = frame.close() ? frame.encoded : undefined;
      if (encoded === undefined) return this.#succeed(run, done);
      encoded.then(() => this.#succeed(run, done), (error) => this.#fail(run, error, done));
    }, (error) => this.#fail(run, error, done));
  }

  #succeed(run: Run, done: () => void): void {
    const { event, frame: { lateError } } = run;
    if (lateError === undefined) event.pending--;
    else this.#failed(run, lateError.error);
    if (event.pending === 0 && !event.failed) {
      const { report } = this.#runtime;
      report?.({ type: "completed", message: event.message, durationMs: this.#since(event) });
    }
    done();
  }

  async #fail(run: Run, error: unknown, done: () => void): Promise<void> {
    const { frame } = run;
    frame.drop(dropReason(frame));
    this.#failed(run, error);
    // A commit that has begun in it is waited for: what follows from that is done to its end.
    if (frame.hasEmissions) await frame.encoded;
    done();
  }

  #failed(run: Run, error: unknown): void {
    const { event } = run;
    const { message } = event;
    event.pending--;
    event.failed = true;
    run.failure = { event: message, error };
    this.#runtime.report?.({ type: "failed", message, error, durationMs: this.#since(event) });
  }

  #cut(runs: readonly Run[]): void {
    const dropped = new Map(runs.map(({ event, frame }) => [event.message, frame]));
    for (const [event, frame] of dropped) {
      this.#failures.push({ event, error: new EventCycleError(pathTo(frame)) });
    }
    this.#drop(runs.map(({ event }) => event), "event_cycle");
  }

  #drop(dropped: readonly { readonly message: AnyEvent }[], reason: DropReason): void {
    const messages = [...new Set(dropped.map(({ message }) => message))];
    if (messages.length > 0) this.#runtime.report?.({ type: "dropped", messages, reason });
  }

  async #publish(outgoing: readonly Emission[]): Promise<void> {
    const { report, options } = this.#runtime;
    const envelopes = await Promise.all(outgoing.map(({ envelope }) => envelope as Envelope));
    const answer = await publishAll(options, envelopes);
    const type = options.store === undefined ? "published" : "stored";
    outgoing.forEach(({ message }, index) => {
      const envelope = envelopes[index] as Envelope;
      const cause = answer(index);
      if (cause === undefined) return report?.({ type, envelope });
      const error = new PublishError(envelope, { cause });
      this.#failures.push({ event: message, error });
      report?.({ type: "publish_failed", envelope, error });
    });
  }

  #since({ startedMs }: EventRun): number {
    return this.#runtime.now() - startedMs;
  }
}

/** Stores or publishes, and gives a function that tells why a message was not confirmed, or `undefined` if it was. */
async function publishAll(
  { publisher, store }: CascadeOptions,
  envelopes: readonly Envelope[],
): Promise<(index: number) => unknown> {
  try {
    if (store !== undefined) {
      await store.store(envelopes);
      return () => undefined;
    }
    const results: readonly (PublishResult | undefined)[] | undefined = await publisher?.publish(
      envelopes,
    );
    return (index) => {
      const result = results?.[index];
      if (result === undefined) {
        return new TypeError("Cannot tell: the broker gave no result for the message");
      }
      return result.ok
        ? undefined
        : result.error ?? new TypeError("Cannot tell: the broker gave no reason");
    };
  } catch (error) {
    return () => error;
  }
}

/** The types of the events that led to a frame, from the first to its own. */
function pathTo(frame: Frame): readonly string[] {
  const path: string[] = [];
  for (let at: Frame | undefined = frame; at !== undefined; at = at.cause) {
    const { kind, type } = at.message;
    if (kind === "event" || kind === "notification") path.unshift(type);
  }
  return path;
}
