import type { ItemStream } from "../mediator/mod.ts";
import type { SseEvent } from "../stream/mod.ts";
import { idOfEnd, idOfEvent } from "./run_id.ts";

/** How a run makes of items what clients read. */
export interface RunListener {
  /** Makes of an item what leaves the server; `undefined` leaves it as it is. */
  readonly check: ((item: unknown) => Promise<unknown>) | undefined;
  /** Gives what the client may know of an error, as JSON. */
  describe(error: unknown): string;
  /** Is told of an error that the client is not there to see. */
  report(error: unknown): void;
}

const DONE: IteratorResult<SseEvent, undefined> = { done: true, value: undefined };

/**
 * The events of one run of a streaming request: `start`, an `item` for each item, and `done` or
 * `failure`. It is no generator, because a generator's `return()` waits for a pending `next()`.
 */
export class RunEvents implements AsyncIterableIterator<SseEvent, undefined, void> {
  readonly #run: string;
  readonly #url: string | undefined;
  readonly #items: ItemStream<unknown>;
  readonly #listener: RunListener;
  #isStarted = false;
  #isOver = false;
  #count = 0;

  /** @param run Identifies the run, by which `url` resumes it, if it can be resumed. */
  constructor(
    run: { readonly id: string; readonly url: string | undefined },
    items: ItemStream<unknown>,
    listener: RunListener,
  ) {
    this.#run = run.id;
    this.#url = run.url;
    this.#items = items;
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<SseEvent, undefined>> {
    if (this.#isOver) return Promise.resolve(DONE);
    if (this.#isStarted) return this.#items.next().then(this.#onItem, this.#onError);
    this.#isStarted = true;
    return Promise.resolve(
      this.#event("start", JSON.stringify({ run: this.#run, url: this.#url })),
    );
  }

  /** Leaves the run, at once: its handler's signal aborts, and its `finally` runs. */
  async return(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#isOver = true;
    await this.#leave();
    return DONE;
  }

  readonly #onItem = (result: IteratorResult<unknown>) => {
    if (this.#isOver) return DONE;
    if (result.done === true) return this.#last("done", "{}");
    const { check } = this.#listener;
    if (check !== undefined) return check(result.value).then(this.#onChecked, this.#onRefused);
    return this.#onChecked(result.value);
  };

  readonly #onChecked = (item: unknown) => {
    try {
      return this.#event("item", encodeItem(item));
    } catch (error) {
      return this.#abandon(error);
    }
  };

  readonly #onRefused = (error: unknown) => this.#abandon(error);

  readonly #onError = (error: unknown) => this.#last("failure", this.#listener.describe(error));

  /** Ends a run whose handler waits at its `yield`. */
  async #abandon(error: unknown): Promise<IteratorResult<SseEvent, undefined>> {
    await this.#leave();
    return this.#onError(error);
  }

  async #leave(): Promise<void> {
    try {
      await this.#items.return();
    } catch (error) {
      this.#listener.report(error);
    }
  }

  #last(event: string, data: string): IteratorResult<SseEvent, undefined> {
    this.#isOver = true;
    return { done: false, value: { event, id: idOfEnd(this.#run), data } };
  }

  #event(event: string, data: string): IteratorResult<SseEvent, undefined> {
    return { done: false, value: { event, id: idOfEvent(this.#run, this.#count++), data } };
  }
}

function encodeItem(item: unknown): string {
  const text: string | undefined = JSON.stringify(item);
  if (text === undefined) throw new TypeError(`Cannot encode an item as JSON: ${typeof item}`);
  return text;
}
