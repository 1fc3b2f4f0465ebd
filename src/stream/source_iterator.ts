/**
 * An iterator that is closed at most once and never after its end, so that
 * several ways of leaving may all close it.
 */
export class SourceIterator<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  #closing: Promise<void> | undefined;

  constructor(iterator: Iterator<T> | AsyncIterator<T>) {
    this.#iterator = iterator;
  }

  /** The next item. */
  async next(): Promise<IteratorResult<T>> {
    try {
      const result = await this.#iterator.next();
      if (result.done) this.#closing ??= Promise.resolve();
      return result;
    } catch (error) {
      this.#closing ??= Promise.resolve();
      throw error;
    }
  }

  /** Calls `return()` of the iterator at once, even while a `next()` is pending, and waits for it. */
  close(): Promise<void> {
    this.#closing ??= this.#return();
    return this.#closing;
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/**
 * The items of `generator`, which can be left at any time: `return()` calls `leave` at once,
 * where a generator's own `return()` would wait in line behind a pending `next()`.
 */
export function leaveAtOnce<T>(
  generator: AsyncGenerator<T, void>,
  leave: () => Promise<void>,
): AsyncIterableIterator<T, void, void> {
  return {
    next: () => generator.next(),
    async return() {
      const [left] = await Promise.allSettled([leave(), generator.return()]);
      if (left.status === "rejected") throw left.reason;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
