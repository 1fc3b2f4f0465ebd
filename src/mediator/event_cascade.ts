import { SluiceError } from "../errors.ts";
import { type Publisher, PublishError, type PublishResult } from "../broker/mod.ts";
import type { AnyEvent, Envelope } from "../message/mod.ts";
import { type Emission, Frame } from "./frame.ts";
import { dropReason, type Invoke } from "./run_frame.ts";
import type { Runtime } from "./runtime.ts";
import type { LazyScope } from "./scope.ts";

/** What became of one event that could not be handled or published. */
export interface EventFailure {
  /** The event. */
  readonly event: AnyEvent;
  /** What its handler threw, or why it was not published. */
  readonly error: unknown;
}

/**
 * A request was handled, but not all that followed from it: handlers of its
 * events failed, or notifications were not confirmed. Everything else that
 * followed has been done.
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

/** What a cascade needs of its application. */
export interface CascadeRuntime extends Runtime {
  /** How many event handlers one call runs at a time. */
  readonly concurrency: number;
  /** How many levels of events may follow from one call. */
  readonly maxDepth: number;
  /** What becomes of failures. */
  readonly onError: "throw" | "isolate";
  readonly publisher: Publisher | undefined;
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

/** A notification on its way out. */
interface Outgoing {
  readonly message: AnyEvent;
  readonly envelope: Envelope | Promise<Envelope>;
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
  readonly #outgoing: Outgoing[] = [];

  constructor(runtime: CascadeRuntime, scope: LazyScope) {
    this.#runtime = runtime;
    this.#scope = scope;
  }

  /** Dispatches what a handler emitted on its way to `result`. */
  follow(emissions: readonly Emission[], result: unknown): Promise<void> {
    const runs: Run[] = [];
    for (const emission of emissions) this.#take(emission, runs);
    return this.#levels(runs, result);
  }

  /** Runs the local handlers of an event, whatever its kind. */
  dispatch(message: AnyEvent): Promise<void> {
    const runs: Run[] = [];
    this.#plan(message, undefined, runs);
    return this.#levels(runs, undefined);
  }

  async #levels(first: readonly Run[], result: unknown): Promise<void> {
    const { maxDepth } = this.#runtime;
    let runs = first;
    for (let depth = 1; runs.length > 0; depth++) {
      if (depth > maxDepth) {
        this.#cut(runs);
        break;
      }
      this.#announce(runs);
      await this.#level(runs);
      const next: Run[] = [];
      for (const { frame, failure } of runs) {
        if (failure !== undefined) this.#failures.push(failure);
        if (!frame.hasEmissions) continue;
        for (const emission of frame.takeEmissions()) this.#take(emission, next);
      }
      runs = next;
    }
    if (this.#outgoing.length > 0) await this.#publish(this.#outgoing);
    if (this.#failures.length > 0 && this.#runtime.onError === "throw") {
      throw new EventHandlingError(this.#failures, result);
    }
  }

  #take({ message, cause, envelope }: Emission, runs: Run[]): void {
    if (envelope === undefined) this.#plan(message, cause, runs);
    else this.#outgoing.push({ message, envelope });
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
    for (const invoke of handlers) {
      const frame = new Frame(runtime, message, this.#scope, undefined, cause);
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
    const { concurrency } = this.#runtime;
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

  #fail(run: Run, error: unknown, done: () => void): void {
    run.frame.drop(dropReason(run.frame));
    this.#failed(run, error);
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
    const messages = [...dropped.keys()];
    this.#runtime.report?.({ type: "dropped", messages, reason: "event_cycle" });
  }

  async #publish(outgoing: readonly Outgoing[]): Promise<void> {
    const { publisher, report } = this.#runtime;
    const envelopes = await Promise.all(outgoing.map(({ envelope }) => envelope));
    const answer = await publishAll(publisher, envelopes);
    outgoing.forEach(({ message }, index) => {
      const envelope = envelopes[index] as Envelope;
      const cause = answer(index);
      if (cause === undefined) return report?.({ type: "published", envelope });
      const error = new PublishError(envelope, { cause });
      this.#failures.push({ event: message, error });
      report?.({ type: "publish_failed", envelope, error });
    });
  }

  #since({ startedMs }: EventRun): number {
    return this.#runtime.now() - startedMs;
  }
}

/** Publishes, and gives a function that tells why a message was not confirmed, or `undefined` if it was. */
async function publishAll(
  publisher: Publisher | undefined,
  envelopes: readonly Envelope[],
): Promise<(index: number) => unknown> {
  try {
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
