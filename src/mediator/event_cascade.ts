import { SluiceError } from "../errors.ts";
import { type Publisher, PublishError } from "../broker/mod.ts";
import type { AnyEvent, Envelope } from "../message/mod.ts";
import { CallContext, type Emission } from "./call_context.ts";
import { dropReason, type Invoke } from "./frame.ts";
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
  override readonly name = "EventHandlingError";
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
  override readonly name = "EventCycleError";
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
  readonly context: CallContext;
}

/** One event of a level. */
interface EventRun {
  readonly message: AnyEvent;
  readonly startedMs: number;
  pending: number;
  failed: boolean;
}

/**
 * Everything that follows from one call: events level by level, and at the end
 * the notifications in one go. It never rejects; it collects failures.
 */
export class EventCascade {
  readonly failures: EventFailure[] = [];
  readonly #runtime: CascadeRuntime;
  readonly #scope: LazyScope;
  readonly #outgoing: (Envelope | Promise<Envelope>)[] = [];
  readonly #notifications: AnyEvent[] = [];

  constructor(runtime: CascadeRuntime, scope: LazyScope) {
    this.#runtime = runtime;
    this.#scope = scope;
  }

  /** Dispatches what a handler emitted. */
  follow(emissions: readonly Emission[]): Promise<void> {
    return this.#levels(this.#runsOf(emissions));
  }

  /** Runs the local handlers of an event, whatever its kind. */
  dispatch(message: AnyEvent): Promise<void> {
    return this.#levels(this.#runsOfEvent(message, undefined));
  }

  async #levels(first: readonly Run[]): Promise<void> {
    const { maxDepth } = this.#runtime;
    let runs = first;
    for (let depth = 1; runs.length > 0; depth++) {
      if (depth > maxDepth) {
        this.#cut(runs);
        break;
      }
      await this.#level(runs);
      runs = runs.flatMap(({ context }) =>
        context.hasEmissions ? this.#runsOf(context.takeEmissions()) : []
      );
    }
    if (this.#outgoing.length > 0) await this.#publish();
  }

  #runsOf(emissions: readonly Emission[]): Run[] {
    const runs: Run[] = [];
    for (const { message, cause, envelope } of emissions) {
      if (envelope === undefined) {
        runs.push(...this.#runsOfEvent(message, cause));
      } else {
        this.#outgoing.push(envelope);
        this.#notifications.push(message);
      }
    }
    return runs;
  }

  #runsOfEvent(message: AnyEvent, cause: CallContext | undefined): Run[] {
    const runtime = this.#runtime;
    const handlers = runtime.handlersOf(message.type);
    if (runtime.report !== undefined) {
      runtime.report(
        handlers.length === 0
          ? { type: "unhandled", message }
          : { type: "dispatched", message, handlers: handlers.length },
      );
    }
    const startedMs = runtime.report === undefined ? 0 : runtime.now();
    const event: EventRun = { message, startedMs, pending: handlers.length, failed: false };
    return handlers.map((invoke) => ({
      event,
      invoke,
      context: new CallContext({ runtime, message, scope: this.#scope, cause }),
    }));
  }

  /** Starts the runs of a level in their order, as many at a time as the limit allows, and waits for all. */
  #level(runs: readonly Run[]): Promise<void> {
    const { concurrency } = this.#runtime;
    return new Promise((resolve) => {
      let started = 0;
      let settled = 0;
      const start = () => {
        while (started < runs.length && started - settled < concurrency) {
          this.#run(runs[started++] as Run).then(done);
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

  async #run({ event, invoke, context }: Run): Promise<void> {
    try {
      await invoke(context);
      await context.encoded;
      context.close();
      event.pending--;
    } catch (error) {
      event.pending--;
      event.failed = true;
      context.drop(dropReason(context));
      this.#fail(event.message, error);
      const { report } = this.#runtime;
      report?.({ type: "failed", message: event.message, error, durationMs: this.#since(event) });
      return;
    }
    if (event.pending === 0 && !event.failed) {
      const { report } = this.#runtime;
      report?.({ type: "completed", message: event.message, durationMs: this.#since(event) });
    }
  }

  #cut(runs: readonly Run[]): void {
    const dropped = new Map(runs.map(({ event, context }) => [event.message, context]));
    for (const [message, context] of dropped) {
      this.#fail(message, new EventCycleError(pathTo(context)));
    }
    this.#runtime.report?.({
      type: "dropped",
      messages: [...dropped.keys()],
      reason: "event_cycle",
    });
  }

  async #publish(): Promise<void> {
    const { publisher, report } = this.#runtime;
    const envelopes = await Promise.all(this.#outgoing);
    const results = await publisher?.publish(envelopes).catch((error: unknown) =>
      envelopes.map(() => ({ ok: false as const, error }))
    );
    envelopes.forEach((envelope, index) => {
      const result = results?.[index] ??
        { ok: false, error: new TypeError("Cannot tell: the broker gave no result") };
      if (result.ok) return report?.({ type: "published", envelope });
      const error = new PublishError(envelope, { cause: result.error });
      this.#fail(this.#notifications[index] as AnyEvent, error);
      report?.({ type: "publish_failed", envelope, error });
    });
  }

  #fail(event: AnyEvent, error: unknown): void {
    this.failures.push({ event, error });
  }

  #since({ startedMs }: EventRun): number {
    return this.#runtime.report === undefined ? 0 : this.#runtime.now() - startedMs;
  }
}

/** The types of the events that led to a context, from the first to its own. */
function pathTo(context: CallContext): readonly string[] {
  const path: string[] = [];
  for (let at: CallContext | undefined = context; at !== undefined; at = at.cause) {
    if (at.message.kind === "event" || at.message.kind === "notification") {
      path.unshift(at.message.type);
    }
  }
  return path;
}
