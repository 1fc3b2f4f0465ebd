import { sleep } from "../clock.ts";
import type {
  SagaBinding,
  SagaCall,
  SagaFollowOptions,
  SagaHost,
  SagaOutcome,
  SagaRunner,
  Sagas,
} from "../mediator/mod.ts";
import {
  hasSagaEnded,
  type NewSagaLogEntry,
  type SagaLease,
  type SagaRecord,
  type SagaSnapshot,
} from "../storage/mod.ts";
import { SagaBus } from "./bus.ts";
import type { AnySaga } from "./definition.ts";
import type { SagaItem } from "./items.ts";
import { itemOf } from "./item_of.ts";
import { Keeper } from "./keeper.ts";
import { metadataIn, metadataText, storedJson } from "./metadata.ts";
import { checkVersions, SagaProgram } from "./program.ts";
import { SagaContext } from "./saga_context.ts";
import { SagaProgress } from "./progress.ts";
import { isAtRest, isOnlyForPeople, outcomeOf, settledAnswer } from "./report.ts";
import {
  SagaBusyError,
  SagaIdError,
  SagaIncompatibleError,
  SagaNotFoundError,
} from "./saga_errors.ts";
import { SagaOperations } from "./saga_operations.ts";
import { decisionOf } from "./entry.ts";
import { SagaRun } from "./saga_run.ts";

/** Why a saga that was claimed cannot be gone on with. */
export type Unfit =
  /** The application knows no such saga, or only older versions of it: another process may. */
  | { readonly type: "unknown"; readonly reason: string }
  /** It has to be parked. */
  | { readonly type: "unfit"; readonly reason: string };

/** How {@linkcode SagaEngine.open} opens a saga. */
export interface OpenOptions {
  readonly waits: boolean;
}

/** Runs the sagas of an application. */
export class SagaEngine implements SagaRunner {
  readonly sagas: Sagas;
  readonly host: SagaHost;
  readonly bus: SagaBus = new SagaBus();
  readonly keeper: Keeper;
  readonly leaseMs: number;
  readonly #programs: Map<string, SagaProgram[]> = new Map();
  readonly #name: string = crypto.randomUUID();
  readonly #pollMs: number;
  #owners = 0;

  /**
   * @throws {TypeError} If versions of a saga do not fit together, or a middleware refuses a step.
   * @throws {RangeError} If an option is out of its range.
   */
  constructor(bindings: readonly SagaBinding[], host: SagaHost) {
    const { leaseMs = 30_000, pollMs = 200 } = host.options;
    for (const [name, value] of Object.entries({ leaseMs, pollMs })) {
      if (Number.isFinite(value) && value > 0) continue;
      throw new RangeError(`Cannot run sagas: ${name} must be a number above 0, got ${value}`);
    }
    this.host = host;
    this.leaseMs = leaseMs;
    this.#pollMs = pollMs;
    this.keeper = new Keeper(host, leaseMs);
    for (const { definition, earlier, middlewares } of bindings) {
      const versions = [definition, ...earlier].map((version) => version as AnySaga);
      checkVersions(versions);
      const programs = versions.map((version) => new SagaProgram(version, middlewares, host));
      this.#programs.set(definition.type, programs);
    }
    this.sagas = new SagaOperations(this);
  }

  /** The names of the sagas. */
  get names(): readonly string[] {
    return [...this.#programs.keys()];
  }

  /** With what a saga is claimed by somebody who has claimed nothing before. */
  nextLease(): SagaLease {
    return { owner: `${this.#name}-${++this.#owners}`, leaseMs: this.leaseMs };
  }

  /** The program of a version; of the present one if none is given. */
  program(name: string, version?: number): SagaProgram | undefined {
    const programs = this.#programs.get(name);
    if (version === undefined) return programs?.[0];
    return programs?.find((program) => program.version === version);
  }

  /** Why another process may know a saga that this one does not; `undefined` if that is not so. */
  unknown({ name, version }: Pick<SagaRecord, "name" | "version">): string | undefined {
    const versions = (this.#programs.get(name) ?? []).map(({ version }) => version);
    if (versions.some((known) => known >= version)) return undefined;
    return `version ${version} of saga "${name}" is not known`;
  }

  async send(call: SagaCall): Promise<unknown> {
    const run = await this.begin(call);
    if (run === undefined) return await this.#drain(this.#attach(call));
    await this.drive(run, call.signal);
    if (run.end?.type === "lost") return await this.#drain(this.#attach(call));
    return answerOf(run);
  }

  async *stream(call: SagaCall): AsyncGenerator<unknown, void, void> {
    const run = await this.begin(call);
    if (run === undefined) return void (yield* this.#attach(call));
    yield* this.#walk(run, call.signal);
    const after = run.progress.entries;
    if (run.end?.type === "lost") yield* this.#attach(call, after);
    else answerOf(run);
  }

  /** Stores the start of a saga, claimed; `undefined` if there is one with this id. */
  async begin({ message, metadata }: SagaCall): Promise<SagaRun | undefined> {
    const program = this.program(message.type) as SagaProgram;
    const progress = new SagaProgress(program.steps);
    const first = progress.next();
    const entries: NewSagaLogEntry[] = [];
    if (first.type === "act" && first.step.description.kind === "act") {
      const step = first.step.description.id;
      entries.push({ number: 1, action: "act", step, status: "started", attempt: 1 });
    }
    const { id } = metadata;
    const saga = { id, name: program.name, version: program.version, status: "running" } as const;
    const context = contextOf(message.type, message.data);
    const stored = { ...saga, context: context.text, metadata: metadataText(metadata), entries };
    const lease = this.nextLease();
    if (!await this.host.store.create(stored, lease)) return undefined;
    const fresh = { revision: 1, attempts: 0, error: undefined, signals: 0 };
    const record = { ...saga, ...fresh, context, metadata, owner: lease.owner };
    return new SagaRun(this.#parts(true), program, { record, log: entries });
  }

  /** Makes a run of a saga that was just claimed. */
  open({ record, log }: SagaSnapshot, { waits }: OpenOptions): SagaRun | Unfit {
    const { name, version, owner } = record;
    const program = this.program(name, version);
    if (program === undefined) {
      const type = this.unknown(record) === undefined ? "unfit" : "unknown";
      return { type, reason: `version ${version} of saga "${name}" is not known` };
    }
    try {
      return new SagaRun(this.#parts(waits), program, {
        record: {
          ...record,
          owner: owner ?? "",
          context: SagaContext.of(record.context, storedJson(record.context)),
          metadata: metadataIn(record.metadata, record.id),
        },
        log,
      });
    } catch (error) {
      if (!(error instanceof SagaIncompatibleError)) throw error;
      return { type: "unfit", reason: error.reason };
    }
  }

  /** Goes on with a saga as far as it goes in this process. */
  drive(run: SagaRun, leaving: AbortSignal | undefined): Promise<void> {
    return this.host.hold(async () => {
      this.keeper.add(run);
      try {
        while (await run.advance(leaving));
      } catch (error) {
        this.reportLeft(run.id, run.program.name, error);
        await run.leave(error);
        throw error;
      } finally {
        this.keeper.remove(run);
      }
    });
  }

  /** Parks a saga that was just claimed. */
  async park({ record: { id, name, revision }, log }: SagaSnapshot, reason: string): Promise<void> {
    const number = log.length + 1;
    await this.host.store.checkpoint(id, revision, {
      entries: [{ number, ...decisionOf("park", reason) }],
      parkedReason: reason,
      leaseMs: 0,
    });
    this.host.report?.({ type: "saga_parked", id, name, reason });
    this.bus.notify(id);
  }

  /** Claims a saga that nobody has, wherever it stands. */
  async claim(id: string): Promise<SagaSnapshot> {
    const { store } = this.host;
    const claimed = await store.claim(id, this.nextLease());
    if (claimed !== undefined) return claimed;
    const found = await this.load(id);
    throw new SagaBusyError(id, found.record.leaseLeftMs);
  }

  /** Reads a saga. */
  async load(id: string): Promise<SagaSnapshot> {
    const found = await this.host.store.load(id);
    if (found === undefined) throw new SagaNotFoundError(id);
    return found;
  }

  /**
   * How a saga stands that was read.
   *
   * @throws {SagaIncompatibleError} If its context is no JSON.
   */
  outcomeOf(snapshot: SagaSnapshot): SagaOutcome {
    const { record } = snapshot;
    const progress = this.progressOf(snapshot);
    return outcomeOf(
      { ...record, context: storedJson(record.context) },
      typeof progress === "string" ? undefined : progress,
    );
  }

  /** What the log of a saga says; a text says why it says nothing. */
  progressOf({ record: { name, version }, log }: SagaSnapshot): SagaProgress | string {
    const program = this.program(name, version);
    if (program === undefined) return `version ${version} of it is not known`;
    try {
      return new SagaProgress(program.steps, log);
    } catch (error) {
      if (error instanceof SagaIncompatibleError) return error.reason;
      throw error;
    }
  }

  /** Gives what a saga does as its log tells it, whoever goes on with it; and how it stands then. */
  async *follow(
    name: string,
    id: string,
    { after = 0, untilEnd = false, signal }: SagaFollowOptions,
  ): AsyncGenerator<SagaItem, SagaOutcome, void> {
    const news = this.#newsOf(id, signal);
    try {
      for (let seen = after;;) {
        const snapshot = await this.load(id);
        if (snapshot.record.name !== name) throw new SagaNotFoundError(id);
        yield* this.#itemsOf(snapshot, seen);
        seen = Math.max(seen, snapshot.log.length);
        const isResting = isAtRest(snapshot.record);
        const isOver = untilEnd ? isOnlyForPeople(snapshot.record) : isResting;
        if (isOver) return this.outcomeOf(snapshot);
        await news.next(isResting ? 10 * this.#pollMs : this.#pollMs); // a signal may take days
      }
    } finally {
      news.end();
    }
  }

  /** Gives all of a saga that was started before, and goes on with it where nobody does. */
  async *#attach(call: SagaCall, after = 0): AsyncGenerator<unknown, unknown, void> {
    const { message, metadata: { id }, signal } = call;
    const news = this.#newsOf(id, signal);
    try {
      for (let seen = after;;) {
        const snapshot = await this.load(id);
        const { record } = snapshot;
        if (record.name !== message.type) throw new SagaIdError(id, message.type, record.name);
        yield* this.#itemsOf(snapshot, seen);
        seen = Math.max(seen, snapshot.log.length);
        if (isAtRest(record)) return settledAnswer(this.outcomeOf(snapshot));
        const isFree = record.leaseLeftMs === 0 && record.resumeInMs === 0 &&
          this.unknown(record) === undefined;
        const run = isFree ? await this.take(id) : undefined;
        if (!(run instanceof SagaRun)) await news.next(this.#pollMs);
        else {
          yield* this.#walk(run, signal);
          seen = Math.max(seen, run.progress.entries);
          if (run.end?.type !== "lost") return answerOf(run);
        }
      }
    } finally {
      news.end();
    }
  }

  /**
   * Claims a saga and makes a run of it; `undefined` if somebody has it. One that does not fit is parked.
   */
  async take(id: string): Promise<SagaRun | "at rest" | undefined> {
    const { store } = this.host;
    const claimed = await store.claim(id, this.nextLease());
    if (claimed === undefined) return undefined;
    const { record } = claimed;
    if (hasSagaEnded(record) || record.parkedReason !== undefined) { // since it was looked at
      await store.checkpoint(id, record.revision, { leaseMs: 0 });
      return "at rest";
    }
    const opened = this.open(claimed, { waits: true });
    if (opened instanceof SagaRun) return opened;
    await this.park(claimed, opened.reason);
    return "at rest";
  }

  /** Goes on with a saga at the pace of a reader. */
  async *#walk(
    run: SagaRun,
    leaving: AbortSignal | undefined,
  ): AsyncGenerator<SagaItem, void, void> {
    this.keeper.add(run);
    try {
      for (let hasMore = true; hasMore;) {
        hasMore = await run.advance(leaving);
        yield* run.takeItems();
      }
    } catch (error) {
      this.reportLeft(run.id, run.program.name, error);
      throw error;
    } finally {
      await run.leave(new DOMException("The reader left the saga", "AbortError"));
      this.keeper.remove(run);
    }
  }

  #itemsOf({ record, log }: SagaSnapshot, after: number): readonly SagaItem[] {
    const steps = this.program(record.name, record.version)?.steps ?? [];
    return log.filter(({ number }) => number > after)
      .flatMap((entry) => itemOf(record.id, steps, entry) ?? []);
  }

  async #drain(items: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
    for (;;) {
      const { done, value } = await items.next();
      if (done === true) return value;
    }
  }

  /** Waits until something may have been written to a saga, from when it is asked for the first time. */
  #newsOf(id: string, signal: AbortSignal | undefined) {
    const { clock, closing } = this.host;
    const signals = signal === undefined ? [closing] : [closing, signal];
    const leaving = AbortSignal.any(signals);
    let hasNews = false;
    let endWait = () => {};
    const end = this.bus.listen(id, () => {
      hasNews = true;
      endWait();
    });
    return {
      end,
      async next(pollMs: number): Promise<void> {
        leaving.throwIfAborted();
        if (!hasNews) {
          const news = new AbortController();
          endWait = () => news.abort();
          await sleep(clock, pollMs, AbortSignal.any([leaving, news.signal])).catch(() => {});
          leaving.throwIfAborted();
        }
        hasNews = false;
      },
    };
  }

  /** Tells the observer that a saga cannot be gone on with for now. */
  reportLeft(id: string, name: string, error: unknown): void {
    this.host.report?.({ type: "saga_left", id, name, error });
  }

  #parts(waits: boolean) {
    const { host, bus, leaseMs } = this;
    return { host, bus, leaseMs, waits };
  }
}

/** What a call of a saga resolves to when this process is done with it. */
function answerOf(run: SagaRun): SagaOutcome {
  if (run.end?.type === "left") throw run.end.reason;
  const answer = settledAnswer(run.outcome(), run.cause);
  const [first, ...others] = run.lateErrors;
  if (first === undefined) return answer;
  if (others.length === 0) throw first;
  throw new AggregateError(run.lateErrors, "Cannot complete what followed from steps of the saga");
}

function contextOf(type: string, data: unknown): SagaContext {
  const text: string | undefined = JSON.stringify(data);
  if (text?.startsWith("{") === true) return SagaContext.of(text, data);
  throw new TypeError(`Cannot start saga "${type}" as its context is no object`);
}
