import type { ItemStream } from "../mediator/mod.ts";
import type { SseEvent } from "../stream/mod.ts";
import type { NamesInUse } from "./event_names.ts";
import { idOfEnd, idOfEvent } from "./run_id.ts";

/** How a run makes of items what clients read. */
export interface RunListener<I> {
  /** Makes of an item what leaves the server; `undefined` leaves it as it is. */
  readonly check: ((item: I) => Promise<I>) | undefined;
  /** Gives the data of an item. */
  readonly serialize: (item: I) => string;
  readonly names: NamesInUse<I>;
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
export class RunEvents<I> implements AsyncIterableIterator<SseEvent, undefined, void> {
  readonly #run: string;
  readonly #url: string | undefined;
  readonly #items: ItemStream<I>;
  readonly #listener: RunListener<I>;
  #isStarted = false;
  #isOver = false;
  #count = 0;

  /** @param run Identifies the run, by which `url` resumes it, if it can be resumed. */
  constructor(
    run: { readonly id: string; readonly url: string | undefined },
    items: ItemStream<I>,
    listener: RunListener<I>,
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
    const data = JSON.stringify({ run: this.#run, url: this.#url });
    return Promise.resolve(this.#event(this.#listener.names.start, data));
  }

  /** Leaves the run, at once: its handler's signal aborts, and its `finally` runs. */
  async return(): Promise<IteratorResult<SseEvent, undefined>> {
    this.#isOver = true;
    await this.#leave();
    return DONE;
  }

  readonly #onItem = (result: IteratorResult<I, undefined>) => {
    if (this.#isOver) return DONE;
    const { check, names } = this.#listener;
    if (result.done === true) return this.#last(names.done, "{}");
    if (check !== undefined) return check(result.value).then(this.#onChecked, this.#onRefused);
    return this.#onChecked(result.value);
  };

  readonly #onChecked = (item: I) => {
    const { names, serialize } = this.#listener;
    try {
      return this.#event(names.ofItem(item), textOfItem(serialize(item)));
    } catch (error) {
      return this.#abandon(error);
    }
  };

  readonly #onRefused = (error: unknown) => this.#abandon(error);

  readonly #onError = (error: unknown) =>
    this.#last(this.#listener.names.failure, this.#listener.describe(error));

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

/** What a serializer gave, which may not have kept its promise: JSON has nothing for `undefined`. */
export function textOfItem(data: unknown): string {
  if (typeof data === "string") return data;
  throw new TypeError(`Cannot encode an item: its serializer gave no text but ${typeof data}`);
}
