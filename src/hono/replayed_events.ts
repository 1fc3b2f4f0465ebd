import type { ReplayEvent, ReplayReader, SseEvent } from "../stream/mod.ts";
import { idOfEnd, idOfEvent } from "./run_id.ts";

const DONE: IteratorResult<SseEvent, undefined> = { done: true, value: undefined };

/**
 * What a reader of a replay log gives, as events with their ids. It is no generator, because a
 * generator's `return()` waits for a pending `next()`.
 */
export class ReplayedEvents implements AsyncIterableIterator<SseEvent, undefined, void> {
  readonly #run: string;
  readonly #reader: ReplayReader;
  readonly #gone: SseEvent;
  /** The number of the next event. */
  #position: number;
  #events: readonly ReplayEvent[] = [];
  #index = 0;
  #isOver = false;

  /** @param gone Is sent, as the last event, when the run is gone before its end. */
  constructor(run: string, reader: ReplayReader, position: number, gone: SseEvent) {
    this.#run = run;
    this.#reader = reader;
    this.#position = position;
    this.#gone = gone;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<SseEvent, undefined>> {
    const event = this.#events[this.#index];
    if (event !== undefined) return Promise.resolve(this.#give(event));
    if (this.#isOver) return this.return();
    return this.#reader.read().then(this.#onEvents);
  }

  /** Disconnects the reader. The run goes on for a while, and may be resumed. */
  async return(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#isOver = true;
    this.#events = [];
    await this.#reader.close();
    return DONE;
  }

  readonly #onEvents = (
    events: readonly ReplayEvent[] | undefined,
  ): IteratorResult<SseEvent, undefined> => {
    if (this.#isOver) return DONE;
    this.#events = events ?? [];
    this.#index = 0;
    const [first] = this.#events;
    if (first !== undefined) return this.#give(first);
    this.#isOver = true;
    return { done: false, value: this.#gone };
  };

  #give({ event, data, isLast }: ReplayEvent): IteratorResult<SseEvent, undefined> {
    this.#index++;
    this.#isOver = isLast;
    const id = isLast ? idOfEnd(this.#run) : idOfEvent(this.#run, this.#position++);
    return { done: false, value: { event, id, data } };
  }
}
