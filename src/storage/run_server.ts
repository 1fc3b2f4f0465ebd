import type { ReplayEvent, ReplayLog, ReplayReader } from "../stream/mod.ts";
import type { ReplayAsk, ReplayExchange } from "./replay_exchange.ts";

/** How far it may be ahead of its reader at the most, whatever the log keeps. */
const ANSWERS_AHEAD = 64;
const EVENTS_AHEAD = 4_000;
const BYTES_AHEAD = 1_048_576;

/** An answer to a reader: events, or that there are no more of them, or no such run. */
export type ReadAnswer = SentEvents | "end" | "gone" | "open";

/** Events for a reader. */
export interface SentEvents {
  readonly events: readonly ReplayEvent[];
  /** Whether the reader has to ask again when it has dealt with them, as else there will be no more soon. */
  readonly isAskDue: boolean;
}

/** What a log keeps of a run; see `MemoryReplayLogOptions`. */
export interface KeptOfRun {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** An answer that the reader has not dealt with. */
interface SentAnswer {
  readonly number: number;
  readonly count: number;
  readonly bytes: number;
}

/**
 * Reads a run of this node for a reader at another one, somewhat ahead of it, as waiting for each event
 * would make it slow. It is ahead by about half of what the log keeps of the run at the most: the log
 * takes what was read for dealt with, and a reader that comes back has to find the rest.
 */
export class RunServer {
  readonly ask: ReplayAsk;
  readonly #exchange: ReplayExchange;
  readonly #log: ReplayLog & KeptOfRun;
  readonly #onHeld: () => void;
  readonly #done: Promise<void>;
  readonly #waiting: Set<() => void> = new Set();
  #reader: ReplayReader | undefined;
  #wanted = 0;
  /** What was read and not sent. */
  #unsent: ReplayEvent[] = [];
  #unsentBytes = 0;
  #sent: SentAnswer[] = [];
  #isRead = false;
  #isOver = false;
  #isBroken = false;

  /** @param onHeld Is told when it has to wait until its reader asks for more. */
  constructor(
    ask: ReplayAsk,
    { exchange, log, onHeld }: {
      readonly exchange: ReplayExchange;
      readonly log: ReplayLog & KeptOfRun;
      readonly onHeld: () => void;
    },
  ) {
    this.ask = ask;
    this.#exchange = exchange;
    this.#log = log;
    this.#onHeld = onHeld;
    this.#done = this.#serve().catch(() => this.#break());
  }

  /** Whether an answer could not be sent, so that the conversation has to be closed. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * The reader wants so many answers.
   *
   * @returns Whether these are more than it had wanted before.
   */
  want(count: number): boolean {
    if (count <= this.#wanted) return false;
    this.#wanted = count;
    // It has dealt with those before the last one that it wants.
    this.#sent = this.#sent.filter(({ number }) => number >= count - 1);
    this.#wake();
    return true;
  }

  /** Disconnects the reader. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#wake();
    await this.#reader?.close();
    await this.#done;
  }

  async #break(): Promise<void> {
    this.#isBroken = true;
    this.#isOver = true;
    this.#wake();
    await this.#reader?.close();
  }

  async #serve(): Promise<void> {
    const { run, owner, kind, position } = this.ask;
    if (kind === "delete") return await this.#send(0, await this.#log.delete(run, owner));
    const reader = this.#reader = await this.#log.open(run, owner, position);
    if (this.#isOver) return await reader?.close();
    await this.#send(0, reader === undefined ? "gone" : "open");
    if (reader !== undefined) await Promise.all([this.#read(reader), this.#sendAll()]);
  }

  /** Reads while what is read is sent, so that an answer holds what has come meanwhile. */
  async #read(reader: ReplayReader): Promise<void> {
    // Nothing is read for who has not asked yet: a reader that is only connected holds its run back.
    await this.#until(() => this.#wanted > 1);
    while (!this.#isOver) {
      const events = await reader.read();
      if (events === undefined) break;
      this.#unsent.push(...events);
      this.#unsentBytes += sum(events, sizeOf);
      this.#wake();
      await this.#until(() => this.#share <= 1);
    }
    this.#isRead = true;
    this.#wake();
  }

  async #sendAll(): Promise<void> {
    for (let number = 1; !this.#isOver; number++) {
      await this.#until(() =>
        this.#sent.length < ANSWERS_AHEAD && (this.#unsent.length > 0 || this.#isRead)
      );
      if (this.#isOver) return;
      const events = this.#unsent.splice(0);
      this.#sent.push({ number, count: events.length, bytes: this.#unsentBytes });
      this.#unsentBytes = 0;
      const isAskDue = this.#share >= 1 / 2;
      await this.#send(number, events.length > 0 ? { events, isAskDue } : "end");
      if (events.length === 0) return;
    }
  }

  async #send(number: number, answer: ReadAnswer | boolean): Promise<void> {
    await this.#exchange.answer(this.ask, number, JSON.stringify(answer));
  }

  /** How far ahead of its reader it is, as a share of how far it may be. */
  get #share(): number {
    const { maxEvents, maxBytes } = this.#log;
    const count = sum(this.#sent, ({ count }) => count) + this.#unsent.length;
    const bytes = sum(this.#sent, ({ bytes }) => bytes) + this.#unsentBytes;
    return Math.max(
      this.#sent.length / ANSWERS_AHEAD,
      count / Math.min(maxEvents / 2, EVENTS_AHEAD),
      bytes / Math.min(maxBytes / 2, BYTES_AHEAD),
    );
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isOver) {
      if (this.#share >= 1) this.#onHeld();
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** As much as the log counts for an event. */
function sizeOf({ event, data }: ReplayEvent): number {
  return 128 + 2 * (event.length + data.length);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
