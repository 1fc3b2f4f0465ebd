import type { ReplayEvent, ReplayLog, ReplayReader } from "../stream/mod.ts";
import type { ReplayAsk, ReplayExchange } from "./replay_exchange.ts";

/**
 * How many answers are sent beyond those that the reader has asked for. The reader is elsewhere, so that
 * waiting for each event would make it slow; what is sent ahead is bounded by this and by what a read gives.
 */
export const ANSWERS_AHEAD = 64;

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
  #isOver = false;
  #wake: (() => void) | undefined;

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
    this.#wake?.();
  }

  /** Disconnects the reader. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#wake?.();
    await this.#reader?.close();
    await this.#done;
  }

  async #serve(): Promise<void> {
    const { run, owner, kind, position } = this.#ask;
    if (kind === "delete") return await this.#send(0, await this.#log.delete(run, owner));
    this.#reader = await this.#log.open(run, owner, position);
    await this.#send(0, this.#reader === undefined ? "gone" : "open");
    if (this.#isOver) await this.#reader?.close();
    for (let number = 1; this.#reader !== undefined && !this.#isOver; number++) {
      // Nothing is read for who has not asked yet: a reader that is only connected holds its run back.
      while (this.#wanted < 2 || number >= this.#wanted + ANSWERS_AHEAD) {
        if (this.#isOver) return;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      const events = await this.#reader.read();
      if (this.#isOver) return;
      await this.#send(number, events ?? "end");
      if (events === undefined) return;
    }
  }

  async #send(number: number, answer: ReadAnswer | boolean): Promise<void> {
    await this.#exchange.answer(this.#ask.link, number, JSON.stringify(answer));
    this.#exchange.wake();
  }
}
