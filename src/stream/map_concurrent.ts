import { leaveAtOnce, SourceIterator } from "./source_iterator.ts";

/** Options of {@linkcode mapConcurrent}. */
export interface MapConcurrentOptions {
  /** Stops everything when it aborts; `next()` then throws its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `fn` for each item, with at most `concurrency` calls in flight, and gives the results in
 * the order of the items.
 *
 * Nothing starts before the first `next()`. Results that wait to be taken count towards
 * `concurrency`, so a slow consumer holds back the source. The source is asked for one item at a time.
 *
 * When a call or the source fails, nothing new starts; the results before the failed item are
 * still given, then its error is thrown. Leaving early, that error and `signal` all abort the signal
 * that `fn` receives and close the source at once, and then wait for what is in flight, so that
 * nothing runs detached: a call that ignores its signal delays the end.
 *
 * @param concurrency The most calls in flight, a positive integer.
 * @param fn Gives the result for one item.
 * @throws {RangeError} If `concurrency` is not a positive integer.
 *
 * @example Two calls at a time
 * ```ts
 * import { mapConcurrent } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * const lengths = mapConcurrent(["a", "bb", "ccc"], 2, (text) => Promise.resolve(text.length));
 * assert.deepEqual(await Array.fromAsync(lengths), [1, 2, 3]);
 * ```
 */
export function mapConcurrent<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  fn: (item: T, signal: AbortSignal) => R | Promise<R>,
  options: MapConcurrentOptions = {},
): AsyncIterableIterator<R, void, void> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(
      `Cannot map concurrently: concurrency must be a positive integer, got ${concurrency}`,
    );
  }
  const items = new SourceIterator(
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator](),
  );
  const calls = new CallWindow(items, concurrency, fn);
  return leaveAtOnce(results(calls, options.signal), () => calls.stop());
}

async function* results<T, R>(
  calls: CallWindow<T, R>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R, void> {
  const onAbort = () => {
    // The reason of the signal matters more than a failure to close.
    calls.stop(signal?.reason).catch(() => {});
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    for (let call = await calls.next(); call !== undefined; call = await calls.next()) {
      yield await call.result;
    }
    signal?.throwIfAborted();
  } catch (error) {
    await calls.stop(error).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await calls.settled();
  }
}

interface Call<R> {
  readonly result: Promise<R>;
  isSettled: boolean;
}

/** The calls in flight and those whose result waits to be taken, in the order of their items. */
class CallWindow<T, R> {
  readonly #items: SourceIterator<T>;
  readonly #concurrency: number;
  readonly #fn: (item: T, signal: AbortSignal) => R | Promise<R>;
  readonly #stop = new AbortController();
  readonly #calls: Call<R>[] = [];
  #pulling: Promise<void> | undefined;
  #isExhausted = false;
  /** Called when a call or the source has settled; `next()` waits only while one of them is in flight. */
  #wake = () => {};

  constructor(
    items: SourceIterator<T>,
    concurrency: number,
    fn: (item: T, signal: AbortSignal) => R | Promise<R>,
  ) {
    this.#items = items;
    this.#concurrency = concurrency;
    this.#fn = fn;
  }

  /** Waits until the oldest call has settled and takes it; nothing after the last call and after a stop. */
  async next(): Promise<Call<R> | undefined> {
    while (!this.#stop.signal.aborted) {
      if (!this.#isExhausted && this.#calls.length < this.#concurrency) {
        this.#pulling ??= this.#pull();
      }
      const oldest = this.#calls[0];
      if (oldest?.isSettled) return this.#calls.shift();
      if (oldest === undefined && this.#pulling === undefined) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return undefined;
  }

  /** Starts nothing more, aborts the calls in flight and closes the source. */
  stop(reason?: unknown): Promise<void> {
    this.#stop.abort(reason);
    return this.#items.close();
  }

  /** Waits for everything that is in flight. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#pulling, ...this.#calls.map((call) => call.result)]);
  }

  async #pull(): Promise<void> {
    try {
      const item = await this.#items.next();
      if (item.done) this.#isExhausted = true;
      else this.#start(() => this.#fn(item.value, this.#stop.signal));
    } catch (error) {
      // The error takes the place of the item, so that the results before it are still given.
      this.#start(() => Promise.reject(error));
      this.#isExhausted = true;
    }
    this.#pulling = undefined;
    this.#wake();
  }

  #start(run: () => R | Promise<R>): void {
    if (this.#isExhausted || this.#stop.signal.aborted) return;
    const call: Call<R> = { result: (async () => await run())(), isSettled: false };
    this.#calls.push(call);
    const settle = () => {
      call.isSettled = true;
      this.#wake();
    };
    call.result.then(settle, () => {
      this.#isExhausted = true;
      settle();
    });
  }
}
