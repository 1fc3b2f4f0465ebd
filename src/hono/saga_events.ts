import type { SseEvent } from "../stream/mod.ts";
import { idOfEnd, idOfEvent, urlOfRun } from "./run_id.ts";
import { type RunListener, textOfItem } from "./run_events.ts";
import { runOfSaga } from "./saga_id.ts";

/** How the progress of a saga becomes what clients read. */
export interface SagaListener<I> extends Pick<RunListener<I>, "names" | "serialize" | "describe"> {
  /** Whether an error is how the saga has ended. */
  readonly isEnd: (error: unknown) => boolean;
  /** Gives what a client reads when the saga is gone, if an error says that. */
  readonly gone: (error: unknown) => SseEvent | undefined;
  /** Is told of an error that breaks the connection. */
  readonly report: (error: unknown) => void;
}

/** A part of the progress of a saga, with its place in the log. */
export interface NumberedItem {
  readonly number: number;
}

const DONE: IteratorResult<SseEvent, undefined> = { done: true, value: undefined };

/**
 * The events of a saga from its log: `start`, an `item` for each item, and `done` or `failure`. Their numbers
 * are places in the log, so they rise, with gaps. It is no generator, because a generator's `return()` waits
 * for a pending `next()`.
 */
export class SagaEvents<I> implements AsyncIterableIterator<SseEvent, undefined, void> {
  readonly #id: string;
  readonly #run: string;
  readonly #items: AsyncGenerator<I, undefined, void>;
  readonly #leaving: AbortController;
  readonly #listener: SagaListener<I>;
  #isStarted: boolean;
  #isOver = false;

  /**
   * @param after The place in the log that the client has; below 0 it has nothing, not even the start.
   * @param follow Gives what comes behind that, until the signal aborts.
   */
  constructor(
    id: string,
    after: number,
    follow: (after: number, signal: AbortSignal) => AsyncGenerator<I, undefined, void>,
    listener: SagaListener<I>,
  ) {
    this.#id = id;
    this.#run = runOfSaga(id);
    this.#isStarted = after >= 0;
    this.#leaving = new AbortController();
    this.#items = follow(Math.max(0, after), this.#leaving.signal);
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<SseEvent, undefined>> {
    if (this.#isOver) return Promise.resolve(DONE);
    if (this.#isStarted) return this.#items.next().then(this.#onItem, this.#onError);
    this.#isStarted = true;
    // It says what it is, so that a client expects gaps and does not try to cancel it.
    const data = JSON.stringify({ run: this.#id, url: urlOfRun(this.#run), kind: "saga" });
    return Promise.resolve(this.#event(this.#listener.names.start, 0, data));
  }

  /** Leaves the saga, which goes on. */
  return(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#isOver = true;
    this.#leaving.abort();
    this.#items.return(undefined).catch(() => {}); // it ends with the signal, whatever it waits for
    return Promise.resolve(DONE);
  }

  readonly #onItem = (result: IteratorResult<I, undefined>) => {
    if (this.#isOver) return DONE;
    const { names, serialize } = this.#listener;
    if (result.done === true) return this.#last(names.done, "{}");
    const { value } = result;
    try {
      const { number } = value as I & NumberedItem;
      return this.#event(names.ofItem(value), number, textOfItem(serialize(value)));
    } catch (error) {
      void this.return();
      return this.#fail(error);
    }
  };

  readonly #onError = (error: unknown) => {
    if (this.#isOver) return DONE;
    const { isEnd, gone, report } = this.#listener;
    if (isEnd(error)) return this.#fail(error);
    this.#isOver = true;
    const value = gone(error);
    if (value !== undefined) return { done: false, value } as const;
    // The saga goes on: the connection breaks, and its client comes back.
    report(error);
    throw error;
  };

  #fail(error: unknown): IteratorResult<SseEvent, undefined> {
    return this.#last(this.#listener.names.failure, this.#listener.describe(error));
  }

  #last(event: string, data: string): IteratorResult<SseEvent, undefined> {
    this.#isOver = true;
    return { done: false, value: { event, id: idOfEnd(this.#run), data } };
  }

  #event(event: string, number: number, data: string): IteratorResult<SseEvent, undefined> {
    return { done: false, value: { event, id: idOfEvent(this.#run, number), data } };
  }
}
