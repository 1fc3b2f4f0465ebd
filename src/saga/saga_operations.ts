import {
  HandlerNotFoundError,
  type SagaDecision,
  type SagaFollowOptions,
  type SagaHistory,
  type SagaOutcome,
  type Sagas,
  type SagaStart,
} from "../mediator/mod.ts";
import { type AnyMessage, type ItemOf, type SagaRequest, validate } from "../message/mod.ts";
import {
  hasSagaEnded,
  type ListedSaga,
  type SagaChange,
  type SagaFilter,
  type SagaSnapshot,
  type SagaStatistics,
  type SagaStatus,
} from "../storage/mod.ts";
import { typeOf } from "./program.ts";
import type { SagaProgress, StepProgress } from "./progress.ts";
import { failureOf } from "./report.ts";
import type { SagaEngine } from "./saga_engine.ts";
import { decisionOf, type Entry, TURN_BACK } from "./entry.ts";
import {
  SagaBusyError,
  SagaIdError,
  SagaNotFoundError,
  SagaOperationError,
} from "./saga_errors.ts";
import { SagaRun } from "./saga_run.ts";

/** What an operation writes. */
interface Decision {
  readonly entries: readonly Entry[];
  readonly change?: Partial<SagaChange>;
}

/** What can be done about the sagas of an application. */
export class SagaOperations implements Sagas {
  readonly engine: SagaEngine;

  constructor(engine: SagaEngine) {
    this.engine = engine;
  }

  async start(saga: SagaRequest): Promise<SagaStart> {
    const { engine } = this;
    if (engine.program(saga.type) === undefined) throw new HandlerNotFoundError(saga.type);
    engine.host.closing.throwIfAborted();
    const { metadata } = saga;
    const run = await engine.begin({ message: saga, metadata, signal: undefined });
    if (run === undefined) {
      const { record: { id, name } } = await engine.load(metadata.id);
      if (name !== saga.type) throw new SagaIdError(id, saga.type, name);
      return { id, isNew: false, settled: Promise.resolve() };
    }
    // The observer is told how it ends, and others go on with what this process cannot.
    const settled = engine.drive(run, undefined).catch(() => {});
    return { id: metadata.id, isNew: true, settled };
  }

  async *follow<M extends AnyMessage & SagaRequest>(
    definition: ((...args: never[]) => M) & { readonly type: string },
    id: string,
    options: SagaFollowOptions = {},
  ): AsyncGenerator<ItemOf<M>, undefined, void> {
    const outcome = yield* this.engine.follow(definition.type, id, options) as AsyncGenerator<
      ItemOf<M>,
      SagaOutcome,
      void
    >;
    const { status, parkedReason } = outcome;
    if (status === "completed" || (status === "waiting" && parkedReason === undefined)) return;
    throw failureOf(outcome);
  }

  async recover(
    id: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SagaOutcome> {
    const { engine } = this;
    signal?.throwIfAborted();
    const found = await engine.load(id);
    if (hasSagaEnded(found.record) || found.record.parkedReason !== undefined) {
      return engine.outcomeOf(found);
    }
    const unknown = engine.unknown(found.record);
    if (unknown !== undefined) throw new SagaOperationError(id, "recover", unknown);
    const run = await engine.take(id);
    if (run === undefined) throw new SagaBusyError(id, (await engine.load(id)).record.leaseLeftMs);
    if (run instanceof SagaRun) {
      await engine.drive(run, signal);
      if (run.end?.type === "left") throw run.end.reason;
    }
    return engine.outcomeOf(await engine.load(id));
  }

  async get(id: string): Promise<SagaOutcome | undefined> {
    const found = await this.engine.host.store.load(id);
    return found && this.engine.outcomeOf(found);
  }

  async history(id: string): Promise<SagaHistory | undefined> {
    const found = await this.engine.host.store.load(id);
    return found && { ...found.record, log: found.log };
  }

  list(filter?: SagaFilter): Promise<readonly ListedSaga[]> {
    return this.engine.host.store.list(filter);
  }

  statistics(options?: { readonly maxCount?: number }): Promise<SagaStatistics> {
    return this.engine.host.store.statistics(options);
  }

  async resume(id: string, { reason }: SagaDecision = {}): Promise<void> {
    await this.#decide(id, "resume", ({ record }) => {
      if (hasSagaEnded(record)) return `it is ${record.status}`;
      return { entries: [decisionOf("resume", reason)] };
    });
  }

  async retryStep(id: string, step: string, { reason }: SagaDecision = {}): Promise<void> {
    const entry = decisionOf("retry", reason, step);
    await this.#decide(id, `retry step "${step}" of`, (found) => this.#atStep(found, entry));
  }

  async skipStep(id: string, step: string, { reason }: SagaDecision = {}): Promise<void> {
    const entry = decisionOf("skip", reason, step);
    await this.#decide(id, `skip step "${step}" of`, (found) => this.#atStep(found, entry));
  }

  async compensate(id: string, { reason }: SagaDecision = {}): Promise<void> {
    const { engine } = this;
    const { store } = engine.host;
    const { record } = await engine.load(id);
    if (record.leaseLeftMs > 0 && !hasSagaEnded(record)) {
      const data = JSON.stringify(reason);
      const told = await store.signal(id, { id: crypto.randomUUID(), name: TURN_BACK, data });
      const run = engine.keeper.find(id);
      if (told === "stored" && run !== undefined) return run.wake();
      // Whoever had it may have left it meanwhile, for as long as it wants to wait.
      const { record: now } = await engine.load(id);
      if (told === "stored" && (now.leaseLeftMs > 0 || hasSagaEnded(now))) return;
    }
    await this.#decide(id, "compensate", (snapshot) => this.#turnBack(snapshot, reason));
  }

  async signal(
    id: string,
    name: string,
    data?: unknown,
    { signalId = crypto.randomUUID() }: { readonly signalId?: string | undefined } = {},
  ): Promise<"stored" | "late"> {
    const { engine } = this;
    if (typeof name !== "string" || name === "" || name.startsWith("$")) {
      throw new TypeError(`Cannot signal saga "${id}" as "${name}" is no name of a signal`);
    }
    const text: string | undefined = JSON.stringify(data);
    if (data !== undefined && text === undefined) {
      throw new TypeError(`Cannot signal saga "${id}" as JSON cannot carry the data`);
    }
    await this.#checkSignal(id, name, text === undefined ? undefined : JSON.parse(text));
    const told = await engine.host.store.signal(id, { id: signalId, name, data: text });
    if (told === undefined) throw new SagaNotFoundError(id);
    engine.bus.notify(id);
    return told;
  }

  /** Validates what a signal brings, where a step that waits for it describes that. */
  async #checkSignal(id: string, name: string, data: unknown): Promise<void> {
    const { record } = await this.engine.load(id);
    for (const step of this.engine.program(record.name, record.version)?.steps ?? []) {
      if (step.kind !== "wait" || step.signal !== name || step.schema === undefined) continue;
      await validate(typeOf(record.name, step.id), step.schema, data);
    }
  }

  /** Has a saga turn back, or try again to undo what could not be undone. */
  #turnBack(snapshot: SagaSnapshot, error: string | undefined): Decision | string {
    const { status } = snapshot.record;
    if (isOver(status)) return `it is ${status}`;
    const progress = this.engine.progressOf(snapshot);
    if (typeof progress === "string") return progress;
    if (!progress.isBack) {
      const reason = error ?? "Somebody asked for it";
      const entry = decisionOf("turn_back", reason);
      return this.#decided(progress, [entry], { error: reason });
    }
    const failed = progress.steps.filter((step) => partsOf(step).some(hasFailedToUndo));
    const entries = failed.map(({ description: { id } }) => decisionOf("retry", error, id));
    return this.#decided(
      progress,
      entries.length > 0 ? entries : [decisionOf("resume", error)],
    );
  }

  /** What is written about a step, if the saga is at it. */
  #atStep(snapshot: SagaSnapshot, entry: Entry): Decision | string {
    const progress = this.engine.progressOf(snapshot);
    if (typeof progress === "string") return progress;
    const step = progress.find(entry.step ?? "");
    if (step === undefined) return "it has no such step";
    const { status } = snapshot.record;
    if (isOver(status)) return `it is ${status}`;
    const next = progress.next();
    const isAtIt = next.type !== "end" && next.step === step;
    if (!isAtIt && !partsOf(step).some(hasFailedToUndo)) return "it is not at that step";
    return this.#decided(progress, [entry]);
  }

  #decided(
    progress: SagaProgress,
    entries: readonly Entry[],
    change: Partial<SagaChange> = {},
  ): Decision {
    for (const entry of entries) progress.apply(entry);
    const next = progress.next();
    const status = next.type === "end" ? next.status : progress.isBack ? "compensating" : "running";
    return { entries, change: { ...change, status } };
  }

  /** Claims a saga, and writes what is decided; a text says why that cannot be. */
  async #decide(
    id: string,
    action: string,
    decide: (snapshot: SagaSnapshot) => Decision | string,
  ): Promise<void> {
    const { engine } = this;
    const { store } = engine.host;
    const before = decide(await engine.load(id));
    if (typeof before === "string") throw new SagaOperationError(id, action, before);
    const claimed = await engine.claim(id);
    const { record, log } = claimed;
    const decision = decide(claimed);
    if (typeof decision === "string") {
      await store.checkpoint(id, record.revision, { leaseMs: 0, resumeInMs: record.resumeInMs });
      throw new SagaOperationError(id, action, decision);
    }
    const entries = decision.entries.map((entry, n) => ({ number: log.length + 1 + n, ...entry }));
    const hold = await store.checkpoint(id, record.revision, {
      ...decision.change,
      entries,
      parkedReason: null,
      hasProgressed: true,
      leaseMs: 0,
    });
    if (hold === undefined) throw new SagaBusyError(id, 0); // it took longer than the lease
    engine.bus.notify(id);
  }
}

function isOver(status: SagaStatus): boolean {
  return status === "completed" || status === "compensated";
}

type Part = StepProgress["primary"];

function partsOf({ primary, secondary }: StepProgress): readonly Part[] {
  return secondary === undefined ? [primary] : [primary, secondary];
}

function hasFailedToUndo({ compensation }: Part): boolean {
  return compensation === "failed" || compensation === "retrying";
}
