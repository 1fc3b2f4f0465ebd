import { toReadableStream } from "../stream/mod.ts";
import type { Frame } from "./frame.ts";
import type { InvokeStream } from "./run_frame.ts";

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
  /** Makes the frame of the call, before the first item. */
  open(signal: AbortSignal): Promise<Frame> | Frame;
  /** Dispatches what was emitted in a frame; throws what the error policy wants thrown. */
  follow(frame: Frame, item: unknown): Promise<void>;
  /** Is told that nobody reads any more; the handler may still run. */
  leave(reason: unknown): void;
  /** Is told how a handler ended that was at work when nobody read any more. */
  overran(outcome: "fulfilled" | "rejected"): void;
  /** Is told how the stream ended, once; nothing of it runs any more. */
  end(end: StreamEnd): Promise<void>;
}

/** How a stream ended. */
export type StreamEnd =
  | { readonly outcome: "completed" }
  | { readonly outcome: "failed"; readonly error: unknown }
  | { readonly outcome: "cancelled"; readonly reason: unknown };

type Result = IteratorResult<unknown, undefined>;

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/**
 * Drives a streaming handler at the pace of its reader, and puts the dispatch
 * of events between its items.
 */
export class StreamCall implements ItemStream<unknown> {
  readonly #host: StreamHost;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  #frame: Frame | undefined;
  #source: AsyncIterator<unknown> | undefined;
  /** How many promises that `next()` gave are pending, and the last of them. */
  #pending = 0;
  #last: Promise<Result> | undefined;
  /** Reject them, when a caller's signal is to be able to. */
  readonly #interrupts = new Set<(reason: unknown) => void>();
  /** The dispatch of events that is under way. */
  #following: Promise<void> | undefined;
  /** Why the caller aborted, until a read has been told. */
  #aborted: { readonly reason: unknown } | undefined;
  /** Whether the handler was at work when nobody read any more. */
  #isBusy = false;
  #isOver = false;
  #closing: Promise<void> | undefined;

  constructor(host: StreamHost, callerSignal: AbortSignal | undefined) {
    this.#host = host;
    this.#callerSignal = callerSignal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const before = this.#last;
    const result = this.#pending++ === 0 || before === undefined
      ? this.#advance()
      : before.then(() => this.#advance(), () => this.#advance());
    return this.#last = this.#callerSignal === undefined ? result : this.#interruptible(result);
  }

  async return(): Promise<Result> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#closing = this.#leave(new DOMException("The reader left the stream", "AbortError"));
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

  #advance(): Promise<Result> {
    if (this.#isOver) return this.#settled(this.#afterwards());
    if (this.#source !== undefined) return this.#pull(this.#source);
    return this.#open().then(
      (source) => this.#pull(source),
      (error) => this.#settled(this.#isOver ? this.#afterwards() : this.#fail(error)),
    );
  }

  #pull(source: AsyncIterator<unknown>): Promise<Result> {
    try {
      return source.next().then(this.#onResult, this.#onError);
    } catch (error) {
      return this.#onError(error); // an iterator that is no generator may throw at once
    }
  }

  /** Makes the call; rejects if that fails or the reader has left meanwhile. */
  async #open(): Promise<AsyncIterator<unknown>> {
    const signal = this.#callerSignal;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", this.#onCallerAbort, { once: true });
    const frame = await this.#host.open(this.#controller.signal);
    if (this.#isOver) {
      const { reason } = this.#controller.signal;
      await this.#host.end({ outcome: "cancelled", reason });
      throw reason;
    }
    this.#frame = frame;
    const items: Partial<AsyncIterable<unknown>> | undefined = this.#host.invoke(frame);
    if (typeof items?.[Symbol.asyncIterator] !== "function") {
      throw new TypeError(
        `Cannot stream "${frame.message.type}" as its handler gave no async iterable`,
      );
    }
    return this.#source = (items as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  }

  readonly #onResult = (result: IteratorResult<unknown>): Result | Promise<Result> => {
    if (!this.#isOver && result.done !== true && this.#frame?.hasEmissions === false) {
      this.#pending--;
      return result;
    }
    return this.#settled(this.#onLastWords(result));
  };

  /** Whatever is rarer than an item alone: an item with events before it, the end, or a reader that has left. */
  async #onLastWords(result: IteratorResult<unknown>): Promise<Result> {
    const frame = this.#frame;
    if (this.#isBusy) this.#host.overran("fulfilled");
    if (this.#isOver || frame === undefined) return this.#afterwards();
    if (frame.hasEmissions) {
      try {
        await (this.#following = this.#follow(frame, result.value));
      } catch (error) {
        if (this.#isOver) return this.#afterwards(); // whoever left is told
        this.#isOver = true;
        this.#following = undefined;
        // The handler waits at its yield: it ends there, and what it emits on its way out still counts.
        await this.#endSource().catch(() => {});
        return this.#fail(error);
      }
    }
    if (this.#isOver) return this.#afterwards();
    if (result.done !== true) return result;
    if (frame.lateError !== undefined) return this.#fail(frame.lateError.error);
    await this.#end({ outcome: "completed" });
    return DONE;
  }

  readonly #onError = (error: unknown): Promise<Result> => {
    if (this.#isBusy) this.#host.overran("rejected");
    this.#frame?.drop(this.#isOver ? "cancelled" : "handler_failed");
    return this.#settled(this.#isOver ? this.#afterwards() : this.#fail(error));
  };

  async #fail(error: unknown): Promise<never> {
    await this.#end({ outcome: "failed", error }).catch(() => {}); // the first failure counts
    throw error;
  }

  readonly #onCallerAbort = (): void => this.abort(this.#callerSignal?.reason);

  /** Ends the stream because its caller or its application does. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#closing = this.#leave(reason).catch(() => {}); // the observer has seen it
    // A stream that was cut must not look complete: if no read can be interrupted, the next to end is told.
    if (this.#interrupts.size === 0) this.#aborted = { reason };
    for (const interrupt of this.#interrupts) interrupt(reason);
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async #afterwards(): Promise<Result> {
    const aborted = this.#aborted;
    this.#aborted = undefined;
    if (aborted === undefined) return DONE;
    throw aborted.reason;
  }

  /** Ends the handler because nobody reads any more. */
  async #leave(reason: unknown): Promise<void> {
    this.#isBusy = this.#pending > 0;
    if (this.#frame !== undefined) this.#host.leave(reason);
    this.#controller.abort(reason);
    try {
      await this.#endSource();
    } catch (error) {
      return this.#fail(error);
    }
    await this.#end({ outcome: "cancelled", reason });
  }

  /** Runs the handler's `finally`, and dispatches what it emits there. */
  async #endSource(): Promise<void> {
    const frame = this.#frame;
    try {
      await this.#source?.return?.();
    } finally {
      await this.#following;
    }
    if (frame?.hasEmissions === true) await this.#follow(frame, undefined);
  }

  async #follow(frame: Frame, item: unknown): Promise<void> {
    await frame.encoded;
    await this.#host.follow(frame, item);
  }

  async #end(end: StreamEnd): Promise<void> {
    this.#isOver = true;
    this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    if (this.#frame === undefined) return;
    this.#frame.drop(end.outcome === "cancelled" ? "cancelled" : "handler_failed");
    await this.#host.end(end);
  }

  /** Counts the pending `next()` out when `result` settles. */
  #settled(result: Promise<Result>): Promise<Result> {
    const settled = () => void this.#pending--;
    result.then(settled, settled);
    return result;
  }

  #interruptible(result: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#interrupts.add(reject);
      result.finally(() => this.#interrupts.delete(reject)).then(resolve, reject);
    });
  }
}
