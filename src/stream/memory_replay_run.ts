import type { Clock } from "../clock.ts";
import type { ReplayEvent, ReplayReader, ReplayWriter } from "./replay_log.ts";
import { ReplayWindow } from "./replay_window.ts";

/** The limits of one run; see `MemoryReplayLogOptions`. */
export interface ReplayRunLimits {
  readonly graceMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** Is told what becomes of a run. */
export interface RunListener {
  /** The last event was appended. */
  readonly onEnd: () => void;
  /** Nobody came back in time. */
  readonly onAbandon: () => void;
}

/** A run in memory: its writer, and what its reader reads. */
export class MemoryReplayRun implements ReplayWriter {
  readonly name: string;
  readonly owner: string;
  endedMs = Infinity;
  readonly #limits: ReplayRunLimits;
  readonly #listener: RunListener;
  readonly #controller = new AbortController();
  readonly #events = new ReplayWindow();
  /** How many events the last reader had when it came: it has said that it has those. */
  #confirmed = 0;
  /** How many events the last reader that left had been given. */
  #given = 0;
  #reader: MemoryReplayReader | undefined;
  #cancelGrace: () => void;
  /** Ends the wait for an event to be wanted. */
  #wake: (() => void) | undefined;

  constructor(
    name: string,
    owner: string,
    limits: ReplayRunLimits,
    listener: RunListener,
  ) {
    this.name = name;
    this.owner = owner;
    this.#limits = limits;
    this.#listener = listener;
    this.#cancelGrace = this.#startGrace();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isReadToEnd(): boolean {
    return this.isOverAt(this.#reader?.position ?? this.#given);
  }

  /** Whether a connected reader has not got the end yet. */
  get isBeingRead(): boolean {
    return this.#reader !== undefined && !this.isOverAt(this.#reader.position);
  }

  async wanted(): Promise<void> {
    this.signal.throwIfAborted();
    while (!this.#isWanted()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.signal.throwIfAborted();
    }
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async append(event: ReplayEvent): Promise<void> {
    this.signal.throwIfAborted();
    if (this.#hasEnded) {
      throw new TypeError(`Cannot append to the run "${this.name}" as it has ended`);
    }
    this.#dropWhatMayGo();
    this.#events.push(event);
    if (event.isLast) {
      this.endedMs = this.#limits.clock.now();
      this.#cancelGrace();
      this.#listener.onEnd();
    }
    this.#reader?.wake();
  }

  open(position: number): ReplayReader | undefined {
    if (!(position >= this.#events.first && position <= this.#events.next)) return undefined;
    this.#cancelGrace();
    this.#reader?.disconnect();
    this.#confirmed = position;
    this.#reader = new MemoryReplayReader(this, position);
    this.#look();
    return this.#reader;
  }

  /** The events from a number on, which are kept. */
  eventsFrom(position: number): readonly ReplayEvent[] {
    return this.#events.from(position);
  }

  isOverAt(position: number): boolean {
    return this.#hasEnded && position === this.#events.next;
  }

  /** Is told that a reader waits or leaves. */
  onReader(reader: MemoryReplayReader): void {
    if (this.#reader !== reader) return;
    if (!reader.isConnected) {
      this.#given = reader.position;
      this.#reader = undefined;
      if (!this.#hasEnded) this.#cancelGrace = this.#startGrace();
    }
    this.#look();
  }

  stop(reason: unknown): void {
    this.#cancelGrace();
    if (!this.#hasEnded) this.#controller.abort(reason);
    this.#reader?.disconnect();
    this.#reader = undefined;
    this.#look();
  }

  get #hasEnded(): boolean {
    return this.endedMs !== Infinity;
  }

  #look(): void {
    if (!this.signal.aborted && !this.#isWanted()) return;
    this.#wake?.();
    this.#wake = undefined;
  }

  #isWanted(): boolean {
    if (this.#reader !== undefined) return this.#reader.isWaiting;
    this.#dropWhatMayGo();
    return !this.#isFull;
  }

  get #isFull(): boolean {
    const { maxEvents, maxBytes } = this.#limits;
    return this.#events.count >= maxEvents || this.#events.byteCount >= maxBytes;
  }

  /** Makes room for one event, as far as the reader has got what goes. */
  #dropWhatMayGo(): void {
    const end = this.#reader?.sent ?? this.#confirmed;
    while (this.#isFull && this.#events.first < end) this.#events.drop();
  }

  #startGrace(): () => void {
    const { clock, graceMs } = this.#limits;
    if (graceMs === Infinity) return () => {};
    return clock.setTimer(this.#listener.onAbandon, graceMs);
  }
}

class MemoryReplayReader implements ReplayReader {
  readonly #run: MemoryReplayRun;
  /** How many events the reader had, and has been given. */
  position: number;
  /** How many of them it has dealt with, as it asked for more. */
  sent: number;
  isConnected = true;
  #wake: (() => void) | undefined;

  constructor(run: MemoryReplayRun, position: number) {
    this.#run = run;
    this.position = position;
    this.sent = position;
  }

  get isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  async read(): Promise<readonly ReplayEvent[] | undefined> {
    this.sent = this.position;
    while (this.isConnected && !this.#run.isOverAt(this.position)) {
      const events = this.#run.eventsFrom(this.position);
      if (events.length > 0) {
        this.position += events.length;
        return events;
      }
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      this.#run.onReader(this);
      await woken;
    }
    return undefined;
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async close(): Promise<void> {
    this.disconnect();
    this.#run.onReader(this);
  }

  /** Ends the reader without telling its run. */
  disconnect(): void {
    this.isConnected = false;
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
