import type { Clock } from "../clock.ts";
import { Deadline } from "../resilience/mod.ts";
import { ConnectionLostError, UnexpectedResponseError } from "./client_errors.ts";

/** What ends an exchange before its answer does. */
export interface ExchangeLimits {
  /** The signal of the call. */
  readonly signal: AbortSignal | undefined;
  /** How long nothing may come, in milliseconds. */
  readonly silenceMs: number;
  /** The clock that measures the silence. */
  readonly clock: Clock;
}

const DONE: IteratorResult<never, void> = { done: true, value: undefined };

/**
 * One request and the chunks of its answer. Whatever it waits for ends at once when the call's
 * signal aborts, with that reason, and when nothing has come for too long; also where a `fetch` that
 * was passed in ignores its signal.
 */
export class Exchange implements AsyncIterableIterator<Uint8Array, void, void> {
  /** What ends it early. */
  readonly limits: ExchangeLimits;
  readonly #deadline: Deadline;
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(limits: ExchangeLimits) {
    this.limits = limits;
    this.#deadline = new Deadline(limits.silenceMs, limits);
    this.#deadline.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Waits for something else, before the request.
   *
   * @throws {ConnectionLostError} If it takes too long.
   * @throws What `work` throws.
   */
  async wait<T>(work: () => Promise<T> | T): Promise<T> {
    try {
      return await this.#deadline.run(work);
    } catch (error) {
      if (this.#deadline.signal.aborted) throw this.#lost(error);
      throw error;
    }
  }

  /**
   * Sends the request and waits for the head of the answer.
   *
   * @throws {ConnectionLostError} If it does not come.
   */
  async send(fetch: (signal: AbortSignal) => Promise<Response> | Response): Promise<Response> {
    return await this.#receive(async (signal) => {
      const response = await fetch(signal);
      this.#body = response.body?.getReader();
      if (signal.aborted) this.close(); // it has come too late
      return response;
    });
  }

  /**
   * Waits for the next chunk of the answer.
   *
   * @throws {ConnectionLostError} If it does not come.
   */
  async next(): Promise<IteratorResult<Uint8Array, void>> {
    const body = this.#body;
    if (body === undefined) return DONE;
    const result = await this.#receive(() => body.read());
    return result.done ? DONE : result;
  }

  /** Leaves the answer. */
  return(): Promise<IteratorResult<Uint8Array, void>> {
    this.close();
    return Promise.resolve(DONE);
  }

  /**
   * Reads the answer as text.
   *
   * @throws {ConnectionLostError} If it does not come.
   * @throws {UnexpectedResponseError} If it has more than `maxBytes` bytes, or is not in UTF-8.
   */
  async text(maxBytes: number): Promise<string> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const decode = (chunk?: Uint8Array) =>
      readAs("UTF-8", () => decoder.decode(chunk, { stream: chunk !== undefined }));
    let text = "";
    let byteCount = 0;
    for await (const chunk of this) {
      byteCount += chunk.length;
      if (byteCount > maxBytes) {
        throw new UnexpectedResponseError(`it has more than ${maxBytes} bytes`);
      }
      text += decode(chunk);
    }
    return text + decode();
  }

  /** Cancels what has not been read, and releases timer and listeners. */
  close(): void {
    this.#deadline.close();
    this.#body?.cancel().catch(() => {}); // a body that has failed says so again
  }

  async #receive<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await this.#deadline.run(work);
    } catch (error) {
      throw this.#lost(error);
    }
  }

  /** @throws The reason of the call's signal. */
  #lost(cause: unknown): ConnectionLostError {
    this.limits.signal?.throwIfAborted();
    return new ConnectionLostError(0, { cause });
  }
}

/**
 * Makes something of what has come.
 *
 * @param what What it should be.
 * @throws {UnexpectedResponseError} If `read` throws.
 */
export function readAs<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UnexpectedResponseError(`it is no ${what}`, { cause });
  }
}
