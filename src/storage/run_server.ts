import type { ReplayEvent, ReplayLog, ReplayReader } from "../stream/mod.ts";
import type { ReplayAsk, ReplayExchange } from "./replay_exchange.ts";

/**
 * How many answers are sent beyond those that the reader has asked for. The reader is elsewhere, so that
 * waiting for each would make it slow.
 */
export const ANSWERS_AHEAD = 8;

/** How many events wait to be sent before no more are read, and so about how many an answer holds. */
const MAX_EVENTS = 500;

/** An answer to a reader: events, or that there are no more of them, or no such run. */
export type ReadAnswer = readonly ReplayEvent[] | "end" | "gone" | "open";

/** Reads a run of this node for a reader at another one. */
export class RunServer {
  readonly #exchange: ReplayExchange;
  readonly #log: ReplayLog;
  readonly #ask: ReplayAsk;
  readonly #done: Promise<void>;
  #reader: ReplayReader | undefined;
  #wanted = 0;
  /** What was read and not sent. */
  #events: ReplayEvent[] = [];
  #isRead = false;
  #isOver = false;
  readonly #waiting: Set<() => void> = new Set();

  constructor(exchange: ReplayExchange, log: ReplayLog, ask: ReplayAsk) {
    this.#exchange = exchange;
    this.#log = log;
    this.#ask = ask;
    // A database that fails ends the conversation: the reader finds no answer, and comes back.
    this.#done = this.#serve().catch(() => {});
  }

  /** The reader wants so many answers. */
  want(count: number): void {
    this.#wanted = Math.max(this.#wanted, count);
    this.#wake();
  }

  /** Disconnects the reader. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#wake();
    await this.#reader?.close();
    await this.#done;
  }

  async #serve(): Promise<void> {
    const { run, owner, kind, position } = this.#ask;
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
      this.#events.push(...events);
      this.#wake();
      await this.#until(() => this.#events.length < MAX_EVENTS);
    }
    this.#isRead = true;
    this.#wake();
  }

  async #sendAll(): Promise<void> {
    for (let number = 1; !this.#isOver; number++) {
      const isWanted = () => number < this.#wanted + ANSWERS_AHEAD;
      await this.#until(() => isWanted() && (this.#events.length > 0 || this.#isRead));
      if (this.#isOver) return;
      const events = this.#events.splice(0);
      this.#wake();
      await this.#send(number, events.length > 0 ? events : "end");
      if (events.length === 0) return;
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isOver) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #send(number: number, answer: ReadAnswer | boolean): Promise<void> {
    await this.#exchange.answer(this.#ask.link, number, JSON.stringify(answer));
    this.#exchange.wake();
  }
}
