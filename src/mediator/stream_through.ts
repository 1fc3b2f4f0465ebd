/** A stream that a middleware has opened by calling `next`. */
interface Opened {
  readonly source: AsyncIterator<unknown>;
  /** Settles what `next` gave. */
  readonly settle: PromiseWithResolvers<undefined>;
}

/**
 * Lets a middleware that knows only promises surround a stream: its `next()`
 * opens the stream and settles when that has ended. Items flow past it.
 *
 * When the middleware settles before the stream has ended, the stream ends with it.
 */
export async function* streamThrough<Overrides>(
  middleware: (next: (overrides?: Overrides) => Promise<unknown>) => Promise<unknown>,
  open: (overrides?: Overrides) => AsyncIterable<unknown>,
): AsyncGenerator<unknown, void, void> {
  let opened = Promise.withResolvers<Opened | undefined>();
  let isOver = false;
  let hasDelivered = false;
  const interrupt = new Interrupt();

  function next(overrides?: Overrides): Promise<unknown> {
    if (hasDelivered) {
      return Promise.reject(new TypeError("Cannot run a stream again as it has delivered items"));
    }
    const settle = Promise.withResolvers<undefined>();
    opened.resolve({ source: open(overrides)[Symbol.asyncIterator](), settle });
    return settle.promise;
  }

  const whole = Promise.resolve(middleware(next)).finally(() => {
    isOver = true;
    opened.resolve(undefined);
    interrupt.fire();
  });
  whole.catch(() => {}); // it is awaited below, on every path

  try {
    while (true) {
      const current = await opened.promise;
      if (current === undefined) return;
      opened = Promise.withResolvers();
      if (isOver) opened.resolve(undefined);
      const { source, settle } = current;
      try {
        while (true) {
          const result = await interrupt.before(source.next());
          if (result === undefined || result.done === true) break;
          hasDelivered = true;
          yield result.value;
        }
        settle.resolve(undefined);
      } catch (error) {
        settle.reject(error);
      } finally {
        settle.promise.catch(() => {}); // a middleware need not look at it
        const ended = source.return?.();
        if (isOver) ended?.catch(() => {});
        else await ended;
        settle.resolve(undefined);
      }
    }
  } finally {
    await whole;
  }
}

/** Ends one wait at a time from outside, without leaving anything behind on a long-lived promise. */
class Interrupt {
  #fired = false;
  #wake: (() => void) | undefined;

  /** Settles as `promise` does, or gives `undefined` as soon as the interrupt fires. */
  before<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#fired) resolve(undefined);
      this.#wake = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  fire(): void {
    this.#fired = true;
    this.#wake?.();
  }
}
