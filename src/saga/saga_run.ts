import type { AnyMessage, MessageMetadata } from "../message/mod.ts";
import type { SagaOutcome } from "../mediator/mod.ts";
import { sleep } from "../clock.ts";
import {
  hasSagaEnded,
  LeaseLostError,
  type NewSagaLogEntry,
  type SagaChange,
  type SagaHold,
  type SagaRecord,
  type SagaStatus,
} from "../storage/mod.ts";
import { runAct } from "./act.ts";
import { runCompensation } from "./compensation.ts";
import { checkpointed } from "./checkpointed.ts";
import { actionOf, type Entry, TURN_BACK } from "./entry.ts";
import { itemOf } from "./item_of.ts";
import type { SagaItem } from "./items.ts";
import type { SagaProgram } from "./program.ts";
import type { SagaContext } from "./saga_context.ts";
import { type NextAction, SagaProgress } from "./progress.ts";
import { outcomeOf } from "./report.ts";
import type { RunParts } from "./run_parts.ts";
import { StepMessage } from "./step_message.ts";
import { turnBack } from "./turn_back.ts";
import { runWait } from "./wait.ts";

/** What a checkpoint writes, before its entries are numbered. */
export interface Checkpoint extends Omit<SagaChange, "entries" | "leaseMs" | "context"> {
  readonly context?: SagaContext | undefined;
  readonly entries?: readonly Entry[];
  /** Whether nobody has the saga any more from here on. @default {false} */
  readonly isReleased?: boolean;
  /** How long a storage is asked that does not answer, in milliseconds. @default as long as the lease */
  readonly patienceMs?: number;
}

/** A checkpoint as it is stored. */
interface NumberedChange extends SagaChange {
  readonly entries: readonly NewSagaLogEntry[];
}

/** How this process has done with a saga. */
export type RunEnd =
  /** It has ended, or waits for a signal. */
  | { readonly type: "settled" }
  /** It goes on later: its caller has left, or it has to wait. */
  | { readonly type: "left"; readonly reason: unknown }
  /** Somebody else has it. */
  | { readonly type: "lost"; readonly error: LeaseLostError };

/** A saga that this process has claimed, from there until it has ended or is left. */
export class SagaRun {
  readonly parts: RunParts;
  readonly program: SagaProgram;
  readonly id: string;
  readonly owner: string;
  readonly metadata: MessageMetadata;
  /** Aborts when somebody else has the saga. */
  readonly signal: AbortSignal;
  progress: SagaProgress;
  context: SagaContext;
  status: SagaStatus;
  revision: number;
  error: string | undefined;
  /** What a step has thrown in this process, so that the saga has turned back. */
  cause: unknown;
  end: RunEnd | undefined;
  /** How long it has to wait before it goes on, in milliseconds. */
  delayMs = 0;
  /** Whether the next action may have been begun, by another process or before an outage in this one. */
  isInherited: boolean;
  /** When it was last written or kept. */
  keptAtMs: number;
  /** Whether a write is under way, so that nobody can tell which revision is the present one. */
  isWriting = false;
  /** What events that followed from steps have failed with. */
  readonly lateErrors: unknown[] = [];
  /** How much of the log nobody has taken yet as progress. */
  #taken: number;
  readonly #log: NewSagaLogEntry[];
  readonly #lost = new AbortController();
  /** How often it was taken up since it has last got on. */
  #attempts: number;
  #signals: number;
  #signalsSeen = 0;
  #endDelay: (() => void) | undefined;
  /** Whether something has kept it from getting on. */
  #hasFailed = false;

  /**
   * Takes up a saga that was just claimed.
   *
   * @throws {SagaIncompatibleError} If its log does not fit the program.
   */
  constructor(
    parts: RunParts,
    program: SagaProgram,
    { record, log }: { readonly record: RunRecord; readonly log: readonly NewSagaLogEntry[] },
  ) {
    this.parts = parts;
    this.program = program;
    this.id = record.id;
    this.owner = record.owner;
    this.metadata = record.metadata;
    this.signal = this.#lost.signal;
    this.progress = new SagaProgress(program.steps, log);
    this.context = record.context;
    this.status = record.status;
    this.revision = record.revision;
    this.error = record.error;
    this.isInherited = record.revision > 1;
    this.keptAtMs = parts.host.clock.now();
    this.#log = [...log];
    this.#taken = log.length;
    this.#attempts = record.attempts;
    this.#signals = record.signals;
  }

  /**
   * Does the next thing. Resolves to whether there is more to do in this process.
   *
   * @param leaving Aborts when the caller leaves: what is under way is finished first.
   * @throws What keeps it from being done, such as a storage that does not answer.
   */
  async advance(leaving: AbortSignal | undefined): Promise<boolean> {
    if (this.end !== undefined) return false;
    try {
      if (this.delayMs > 0 && !await this.#delay(leaving)) return false;
      if (this.#signals > this.#signalsSeen) await this.#readMail();
      const next = this.progress.next();
      if (next.type === "end") {
        if (!hasSagaEnded(this)) await this.write({ ...this.following(), hasProgressed: true });
        this.end = { type: "settled" };
        return false;
      }
      const reason = this.#reasonToLeave(leaving);
      if (reason !== undefined) await this.leave(reason.reason);
      else {
        await this.#run(next);
        this.isInherited = false;
      }
    } catch (error) {
      if (!this.signal.aborted) {
        this.isInherited = true; // what is under way may have been begun, and have had its effect
        this.#hasFailed = true;
        throw error;
      }
      this.end = { type: "lost", error: this.signal.reason };
    }
    return this.end === undefined;
  }

  /** Gives the saga up, for others to go on with. */
  async leave(reason: unknown): Promise<void> {
    if (this.end !== undefined) return;
    const next = this.progress.next();
    const entries: Entry[] = [];
    if (next.type !== "end" && next.isOpen && !this.isInherited) {
      entries.push({ ...actionOf(next), status: "postponed" });
    }
    try {
      await this.write({
        entries,
        isReleased: true,
        resumeInMs: this.delayMs,
        // Who only leaves must not use up the attempts of recoveries, nor have others wait.
        hasProgressed: !this.#hasFailed,
        patienceMs: 0,
      });
    } catch (error) {
      // The lease ends by itself.
      this.parts.host.report?.({ type: "saga_left", id: this.id, name: this.program.name, error });
    }
    this.end ??= { type: "left", reason };
  }

  /** Somebody else has it. */
  lose(): void {
    this.#lost.abort(new LeaseLostError());
    this.#endDelay?.();
  }

  /**
   * Takes it up again after it was released. If somebody else has it, it is settled for this process.
   *
   * @throws {LeaseLostError} If somebody has written to it meanwhile: what is known of it is outdated.
   */
  async claimAgain(): Promise<void> {
    const { host: { store }, leaseMs } = this.parts;
    const claimed = await store.claim(this.id, { owner: this.owner, leaseMs });
    if (claimed === undefined) return void (this.end = { type: "settled" });
    const { revision, attempts, resumeInMs } = claimed.record;
    if (revision !== this.revision + 1) {
      await store.checkpoint(this.id, revision, { leaseMs: 0, resumeInMs });
      this.lose();
      throw this.signal.reason;
    }
    this.revision = revision;
    this.#attempts = attempts;
  }

  /** Takes note of what a keeper was told. */
  kept(hold: SagaHold): void {
    this.keptAtMs = this.parts.host.clock.now();
    this.#signals = hold.signals;
    if (hold.signals > this.#signalsSeen) this.#endDelay?.();
  }

  /** Ends a wait, as there may be something new in the mailbox. */
  wake(): void {
    this.#signals = Math.max(this.#signals, this.#signalsSeen + 1);
    this.#endDelay?.();
  }

  /** Marks that the mailbox was read. */
  mailRead(count: number): void {
    this.#signals = this.#signalsSeen = count;
  }

  /**
   * What belongs into the checkpoint behind `entries`: the start of what comes next, or the end.
   * The entries are taken into the progress.
   */
  following(entries: readonly Entry[] = []): Checkpoint {
    for (const entry of entries) this.progress.apply(entry);
    const next = this.progress.next();
    if (next.type === "end") return { entries, status: next.status, isReleased: true };
    const status = this.progress.isBack ? "compensating" : "running";
    if (next.isOpen || next.step.description.kind === "wait") return { entries, status };
    return { entries: [...entries, this.begin(next)], status };
  }

  /** The entry that says that an action is begun, which is taken into the progress. */
  begin(next: NextAction & { readonly type: "act" | "compensate" }): Entry {
    const entry: Entry = { ...actionOf(next), status: "started" };
    this.progress.apply(entry);
    return entry;
  }

  /**
   * Writes a checkpoint whose entries the progress has taken in.
   *
   * @throws {LeaseLostError} If somebody else has the saga.
   * @throws What the storage refuses it with.
   */
  async write(checkpoint: Checkpoint): Promise<void> {
    const { context, patienceMs = this.parts.leaseMs } = checkpoint;
    const change = this.#changeOf(checkpoint);
    const hold = await this.#checkpoint(change, patienceMs);
    if (hold === undefined) {
      this.lose();
      throw this.signal.reason;
    }
    if (context !== undefined) this.context = context;
    this.#written(change, hold);
  }

  /** What a checkpoint writes. What is so already is left out, as a storage may have to write what it is given. */
  #changeOf(
    { status, error, hasProgressed, context, isReleased, patienceMs: _, ...rest }: Checkpoint,
  ): NumberedChange {
    const first = this.#log.length + 1;
    return {
      ...rest,
      entries: (rest.entries ?? []).map((entry, n) => ({ number: first + n, ...entry })),
      context: context?.text,
      status: status === this.status ? undefined : status,
      error: (error ?? undefined) === this.error ? undefined : error,
      hasProgressed: this.#attempts > 0 && hasProgressed,
      leaseMs: isReleased === true ? 0 : this.parts.leaseMs,
    };
  }

  /** Has a change stored, and finds out what has become of it if the storage does not answer. */
  async #checkpoint(change: NumberedChange, patienceMs: number): Promise<SagaHold | undefined> {
    let hold: SagaHold | undefined;
    this.isWriting = true;
    try {
      hold = await this.parts.host.store.checkpoint(this.id, this.revision, change);
    } catch (error) {
      const last = this.#log.length + change.entries.length;
      hold = await checkpointed(this.parts, this, change, { error, last, patienceMs });
    } finally {
      this.isWriting = false;
      // What is not stored is no progress.
      if (hold === undefined) this.progress = new SagaProgress(this.program.steps, this.#log);
    }
    return hold;
  }

  #written(change: NumberedChange, hold: SagaHold): void {
    this.revision = hold.revision;
    this.#signals = hold.signals;
    this.#signalsSeen = Math.max(0, this.#signalsSeen - (change.consumed?.length ?? 0));
    this.keptAtMs = this.parts.host.clock.now();
    this.status = change.status ?? this.status;
    if (change.error !== undefined) this.error = change.error ?? undefined;
    if (change.hasProgressed === true) this.#attempts = 0;
    for (const entry of change.entries) this.#log.push(entry);
    if (hasSagaEnded(this)) this.#announceEnd();
    this.parts.bus.notify(this.id);
  }

  /** Takes the progress that was made since it was last taken. */
  takeItems(): readonly SagaItem[] {
    const entries = this.#log.slice(this.#taken);
    this.#taken = this.#log.length;
    return entries.flatMap((entry) => itemOf(this.id, this.program.steps, entry) ?? []);
  }

  /** What middlewares see of a step. */
  messageOf(type: string, id: string): AnyMessage {
    return new StepMessage(type, id, this);
  }

  /** How the saga stands. */
  outcome(): SagaOutcome {
    const { id, status, error, progress, program: { name, version } } = this;
    const context = this.context.copy();
    const known = { id, name, version, status, error, context, parkedReason: undefined };
    return outcomeOf(known, progress);
  }

  #run(next: NextAction & { readonly type: "act" | "compensate" }): Promise<void> {
    if (next.type === "compensate") return runCompensation(this, next);
    return next.step.description.kind === "wait" ? runWait(this, next) : runAct(this, next);
  }

  #reasonToLeave(leaving: AbortSignal | undefined): { readonly reason: unknown } | undefined {
    const { closing } = this.parts.host;
    if (leaving?.aborted === true) return { reason: leaving.reason };
    return closing.aborted ? { reason: closing.reason } : undefined;
  }

  /** Waits until something may be tried again. Resolves to whether it is to go on. */
  async #delay(leaving: AbortSignal | undefined): Promise<boolean> {
    const { clock, closing } = this.parts.host;
    const startedMs = clock.now();
    const end = new AbortController();
    const endDelay = this.#endDelay = () => end.abort();
    for (const signal of [leaving, closing]) signal?.addEventListener("abort", endDelay);
    if (this.#reasonToLeave(leaving) !== undefined) endDelay();
    const isOver = await sleep(clock, this.delayMs, end.signal).then(() => true, () => false);
    for (const signal of [leaving, closing]) signal?.removeEventListener("abort", endDelay);
    this.#endDelay = undefined;
    const leftMs = isOver ? 0 : Math.max(0, this.delayMs - (clock.now() - startedMs));
    this.delayMs = leftMs;
    this.signal.throwIfAborted();
    const reason = this.#reasonToLeave(leaving);
    if (reason !== undefined) await this.leave(reason.reason);
    else if (this.#signals > this.#signalsSeen) await this.#readMail();
    // A saga that has turned back meanwhile has nothing to wait for.
    return this.end === undefined && (this.delayMs === 0 || await this.#delay(leaving));
  }

  /** Looks whether somebody asks the saga to turn back. */
  async #readMail(): Promise<void> {
    const signals = await this.parts.host.store.signals(this.id);
    this.mailRead(signals.length);
    const asked = signals.filter(({ name }) => name === TURN_BACK);
    const [first] = asked;
    if (first === undefined) return;
    const consumed = asked.map(({ id }) => id);
    if (this.progress.isBack) return await this.write({ consumed });
    this.delayMs = 0;
    const reason = first.data === undefined
      ? "Somebody asked for it"
      : String(JSON.parse(first.data));
    const next = this.progress.next();
    const entries: Entry[] = [];
    if (next.type === "act" && next.isOpen && !this.isInherited) {
      const postponed: Entry = { ...actionOf(next), status: "postponed" };
      this.progress.apply(postponed);
      entries.push(postponed);
    }
    await this.write({ ...turnBack(this, entries, reason), consumed });
    this.isInherited = false;
  }

  #announceEnd(): void {
    const { host: { report } } = this.parts;
    if (report === undefined) return;
    const { id, status, error, program: { name } } = this;
    report({ type: "saga_ended", id, name, status, error });
  }
}

/** What is needed of a record to take a saga up. */
export type RunRecord =
  & Pick<
    SagaRecord,
    "id" | "status" | "revision" | "attempts" | "error" | "signals"
  >
  & {
    readonly owner: string;
    readonly context: SagaContext;
    readonly metadata: MessageMetadata;
  };
