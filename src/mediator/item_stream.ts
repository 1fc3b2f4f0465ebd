import { toReadableStream } from "../stream/mod.ts";
import type { CallContext, Emission } from "./call_context.ts";
import type { InvokeStream } from "./frame.ts";

/**
 * The items of a streaming request. Nothing runs before the first item is asked
 * for, and one item is under way at a time: a slow reader slows the handler.
 *
 * Leaving early (`break`, `return()`, disposing) aborts the handler's signal,
 * runs its `finally` and dispatches what it still emits before it resolves.
 * It can be read once.
 *
 * @typeParam T The type of the items.
 */
export interface ItemStream<T> extends AsyncIterableIterator<T, undefined, void>, AsyncDisposable {
  /** Asks for the next item. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Leaves the stream. */
  return(): Promise<IteratorResult<T, undefined>>;
  /** Gives the items as a Web Stream that pulls: nothing is buffered, and cancelling it leaves the stream. */
  toReadableStream(): ReadableStream<T>;
}

/** What an item stream needs of its application. */
export interface StreamHost {
  /** The compiled handler. */
  readonly invoke: InvokeStream;
  /** Makes the context of the call, before the first item. */
  open(signal: AbortSignal): Promise<CallContext> | CallContext;
  /** Dispatches what was emitted; throws what the error policy wants thrown. */
  follow(emissions: readonly Emission[], item: unknown): Promise<void>;
  /** Is told how the stream ended, once; nothing of it runs any more. */
  end(end: StreamEnd): Promise<void>;
}

/** How a stream ended. */
export type StreamEnd =
  | { readonly outcome: "completed" }
  | { readonly outcome: "failed"; readonly error: unknown }
  | { readonly outcome: "cancelled"; readonly reason: unknown };

/** Waits for one item. */
type Waiter = PromiseWithResolvers<IteratorResult<unknown, undefined>>;

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/**
 * Drives a streaming handler at the pace of its reader, and puts the dispatch
 * of events between its items.
 */
export class StreamCall implements ItemStream<unknown> {
  readonly #host: StreamHost;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #onCallerAbort = () => this.#abort();
  #context: CallContext | undefined;
  #source: AsyncIterator<unknown> | undefined;
  #waiter: Waiter | undefined;
  /** Further calls of `next()` while one is under way. */
  #queue: Promise<unknown> | undefined;
  #isStarted = false;
  #isOver = false;
  #closing: Promise<void> | undefined;

  constructor(host: StreamHost, callerSignal: AbortSignal | undefined) {
    this.#host = host;
    this.#callerSignal = callerSignal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#waiter !== undefined) return this.#nextInTurn();
    if (this.#isOver) return Promise.resolve(DONE);
    const waiter = this.#waiter = Promise.withResolvers();
    if (this.#source === undefined) this.#start();
    else this.#pull(this.#source);
    return waiter.promise;
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#isStarted) this.#isOver = true;
    if (!this.#isOver) {
      const reason = new DOMException("The reader left the stream", "AbortError");
      this.#isOver = true;
      this.#closing = this.#leave(reason);
      this.#settle((waiter) => waiter.resolve(DONE));
    }
    await this.#closing;
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  toReadableStream(): ReadableStream<unknown> {
    return toReadableStream(this);
  }

  #nextInTurn(): Promise<IteratorResult<unknown, undefined>> {
    const turn = (this.#queue ?? this.#waiter?.promise ?? Promise.resolve()).then(
      () => this.next(),
      () => this.next(),
    );
    this.#queue = turn;
    return turn;
  }

  async #start(): Promise<void> {
    this.#isStarted = true;
    try {
      this.#callerSignal?.throwIfAborted();
      this.#callerSignal?.addEventListener("abort", this.#onCallerAbort, { once: true });
      const context = await this.#host.open(this.#controller.signal);
      if (this.#isOver) {
        return await this.#host.end({
          outcome: "cancelled",
          reason: this.#controller.signal.reason,
        });
      }
      this.#context = context;
      this.#source = this.#host.invoke(context)[Symbol.asyncIterator]();
    } catch (error) {
      return this.#finish({ outcome: "failed", error });
    }
    this.#pull(this.#source);
  }

  #pull(source: AsyncIterator<unknown>): void {
    source.next().then(this.#onResult, this.#onError);
  }

  readonly #onResult = (result: IteratorResult<unknown>): void => {
    if (this.#isOver) return;
    const context = this.#context as CallContext;
    if (context.hasEmissions) this.#followThenDeliver(context, result);
    else this.#deliver(result);
  };

  readonly #onError = (error: unknown): void => {
    if (this.#isOver) return this.#context?.drop("cancelled");
    this.#context?.drop("handler_failed");
    this.#finish({ outcome: "failed", error });
  };

  #deliver(result: IteratorResult<unknown>): void {
    if (result.done === true) this.#finish({ outcome: "completed" });
    else this.#settle((waiter) => waiter.resolve(result));
  }

  async #followThenDeliver(context: CallContext, result: IteratorResult<unknown>): Promise<void> {
    try {
      await context.encoded;
      await this.#host.follow(context.takeEmissions(), result.value);
    } catch (error) {
      if (this.#isOver) return;
      this.#isOver = true;
      // The handler waits at its yield: it ends there, and what it emits on its way out is still dispatched.
      await this.#endSource().catch(() => {});
      return this.#finish({ outcome: "failed", error });
    }
    if (!this.#isOver) this.#deliver(result);
  }

  #abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason: unknown = this.#callerSignal?.reason;
    this.#closing = this.#leave(reason).catch(() => {});
    this.#settle((waiter) => waiter.reject(reason));
  }

  /** Ends the handler because nobody reads any more. */
  async #leave(reason: unknown): Promise<void> {
    this.#controller.abort(reason);
    try {
      await this.#endSource();
    } catch (error) {
      await this.#end({ outcome: "failed", error });
      throw error;
    }
    await this.#end({ outcome: "cancelled", reason });
  }

  /** Runs the handler's `finally`, and dispatches what it emits there. */
  async #endSource(): Promise<void> {
    const context = this.#context;
    await this.#source?.return?.();
    if (context === undefined) return;
    await context.encoded;
    if (context.hasEmissions) await this.#host.follow(context.takeEmissions(), undefined);
  }

  async #finish(end: StreamEnd): Promise<void> {
    this.#isOver = true;
    const closing = this.#end(end);
    this.#closing = closing;
    try {
      await closing;
    } catch (error) {
      return this.#settle((waiter) => waiter.reject(error));
    }
    this.#settle((waiter) =>
      end.outcome === "failed" ? waiter.reject(end.error) : waiter.resolve(DONE)
    );
  }

  async #end(end: StreamEnd): Promise<void> {
    this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    const context = this.#context;
    context?.close();
    if (context !== undefined) await this.#host.end(end);
  }

  #settle(settle: (waiter: Waiter) => void): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) settle(waiter);
  }
}
