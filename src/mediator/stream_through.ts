/** A stream that a middleware has opened by calling `next`. */
interface Opened {
  readonly source: AsyncIterator<unknown>;
  /** Settles what `next` gave. */
  readonly settle: PromiseWithResolvers<undefined>;
}

/** Opens the stream that a middleware surrounds. */
type Open<Overrides> = (overrides?: Overrides) => AsyncIterable<unknown>;

/** A middleware that knows only promises. */
type Surrounding<Overrides> = (
  next: (overrides?: Overrides) => Promise<unknown>,
) => Promise<unknown>;

/**
 * Lets a middleware that knows only promises surround a stream: its `next()`
 * opens the stream and settles when that has ended. Items flow past it.
 *
 * When the middleware settles before the stream has ended, the stream ends with it.
 */
export function streamThrough<Overrides>(
  middleware: Surrounding<Overrides>,
  open: Open<Overrides>,
): AsyncIterable<unknown> {
  return new Passage(middleware, open).items();
}

class Passage<Overrides> {
  readonly #middleware: Surrounding<Overrides>;
  readonly #open: Open<Overrides>;
  readonly #interrupt = new Interrupt();
  #opened = Promise.withResolvers<Opened | undefined>();
  #isOpen = false;
  #isOver = false;
  #hasDelivered = false;

  constructor(middleware: Surrounding<Overrides>, open: Open<Overrides>) {
    this.#middleware = middleware;
    this.#open = open;
  }

  async *items(): AsyncGenerator<unknown, void, void> {
    const whole = this.#surround();
    whole.catch(() => {}); // it is awaited below, on every path
    try {
      for (let opened = await this.#next(); opened !== undefined; opened = await this.#next()) {
        yield* this.#pass(opened);
      }
    } finally {
      await whole;
    }
  }

  /** Runs the middleware; whatever it is still waiting for ends with it. */
  async #surround(): Promise<void> {
    try {
      await this.#middleware((overrides) => this.#start(overrides));
    } finally {
      this.#isOver = true;
      this.#opened.resolve(undefined);
      this.#interrupt.fire();
    }
  }

  #start(overrides: Overrides | undefined): Promise<unknown> {
    if (this.#hasDelivered || this.#isOpen) {
      const why = this.#hasDelivered ? "it has delivered items" : "it is running";
      return Promise.reject(new TypeError(`Cannot run a stream again as ${why}`));
    }
    this.#isOpen = true;
    const settle = Promise.withResolvers<undefined>();
    settle.promise.catch(() => {}); // a middleware need not look at it
    this.#opened.resolve({ source: this.#open(overrides)[Symbol.asyncIterator](), settle });
    return settle.promise;
  }

  /** The stream that the middleware opens next; `undefined` when it ends without. */
  async #next(): Promise<Opened | undefined> {
    const opened = await this.#opened.promise;
    this.#opened = Promise.withResolvers();
    if (this.#isOver) this.#opened.resolve(undefined);
    return opened;
  }

  /** Gives the items of a stream; its failure goes to the middleware, which decides what follows. */
  async *#pass({ source, settle }: Opened): AsyncGenerator<unknown, void, void> {
    try {
      while (true) {
        const result = await this.#interrupt.before(source.next());
        if (result === undefined || result.done === true) break;
        this.#hasDelivered = true;
        yield result.value;
      }
    } catch (error) {
      settle.reject(error);
    } finally {
      this.#isOpen = false;
      const ended = source.return?.();
      // A middleware that is over may have left a source that is stuck for good.
      if (this.#isOver) ended?.catch(() => {});
      else await ended;
      settle.resolve(undefined);
    }
  }
}

/** Ends one wait at a time from outside, without leaving anything behind on a long-lived promise. */
class Interrupt {
  #hasFired = false;
  #wake: (() => void) | undefined;

  /** Settles as `promise` does, or gives `undefined` as soon as the interrupt fires. */
  before<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#hasFired) resolve(undefined);
      this.#wake = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  fire(): void {
    this.#hasFired = true;
    this.#wake?.();
  }
}
