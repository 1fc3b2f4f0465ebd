import { type Clock, systemClock } from "../clock.ts";
import type { ReplayEvent, ReplayReader, SseEvent } from "../stream/mod.ts";
import { idOfEnd, idOfEvent } from "./run_id.ts";

/** How long a body may lie unread: a middleware that answers something else does not cancel it. */
const UNREAD_MS = 30_000;

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
  #isClosed = false;
  readonly #report: (error: unknown) => void;
  #cancelTimer: () => void;

  /**
   * @param gone Is sent, as the last event, when the run is gone before its end.
   * @param report Is told of what the log fails at.
   */
  constructor(
    run: string,
    reader: ReplayReader,
    position: number,
    gone: SseEvent,
    { report = () => {}, clock = systemClock }: {
      readonly report?: (error: unknown) => void;
      readonly clock?: Clock | undefined;
    } = {},
  ) {
    this.#report = report;
    this.#cancelTimer = clock.setTimer(() => void this.return(), UNREAD_MS);
    this.#run = run;
    this.#reader = reader;
    this.#position = position;
    this.#gone = gone;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#cancelTimer();
    const event = this.#events[this.#index];
    if (event !== undefined) return Promise.resolve(this.#give(event));
    if (this.#isOver) return this.return();
    return this.#reader.read().then(this.#onEvents, this.#onFailure);
  }

  /** Disconnects the reader. The run goes on for a while, and may be resumed. */
  return(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#cancelTimer();
    this.#isOver = true;
    this.#events = [];
    if (!this.#isClosed) this.#reader.close().catch(this.#report);
    this.#isClosed = true;
    return Promise.resolve(DONE);
  }

  /** The connection breaks, and its client comes back. */
  readonly #onFailure = (error: unknown): never => {
    this.#report(error);
    void this.return();
    throw error;
  };

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
