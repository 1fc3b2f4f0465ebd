import { sleep } from "../clock.ts";
import { parseSse, type SseMessage } from "../stream/mod.ts";
import { ConnectionLostError, HttpProblemError } from "./client_errors.ts";
import { Exchange } from "./exchange.ts";
import { expectType, readHttpProblem } from "./http_answer.ts";
import type { RequestContent } from "./message_body.ts";
import type { RequestSender } from "./request_sender.ts";
import { RunCursor } from "./run_cursor.ts";
import { checkOption } from "./request_options.ts";
import { resumeBackoff, type StreamSettings } from "./stream_options.ts";

const EVENT_STREAM = "text/event-stream";

/** The answers that another attempt may change. */
const TRANSIENT_STATUSES = [408, 429, 502, 503, 504];

/** The longest `Retry-After` that is waited for; with a longer one it is up to the user. */
const MAX_RETRY_AFTER_MS = 300_000;

/** How long a connection must have been open before a heartbeat counts as progress. */
const MIN_OPEN_MS = 5_000;

/** How long the end of the body may take after the last event; it frees the connection for other requests. */
const END_TIMEOUT_MS = 1_000;

/** How long the cancellation of a run may take. Without it the server ends the run too, only later. */
const CANCEL_TIMEOUT_MS = 5_000;

/** Reads a run on a server, connection after connection. One `next()` is under way at a time. */
export class RemoteRun {
  readonly #start: RequestContent;
  readonly #sender: RequestSender;
  readonly #settings: StreamSettings;
  readonly #cursor: RunCursor;
  /** Ends whatever is waited for. */
  readonly #stop = new AbortController();
  #exchange: Exchange | undefined;
  #messages: AsyncIterableIterator<SseMessage, void, void> | undefined;
  /** What the URL of the run refers to. */
  #baseUrl = "";
  /** Where the run can be resumed and cancelled. */
  #url: string | undefined;
  #retryMs: number | undefined;
  /** The attempts to connect again since there was progress. */
  #attempts = 0;
  #cancelling: Promise<void> | undefined;

  constructor(start: RequestContent, sender: RequestSender, settings: StreamSettings) {
    this.#start = start;
    this.#sender = sender;
    this.#settings = settings;
    this.#cursor = new RunCursor(settings.eventNames);
  }

  /** Whether the run has ended, or is gone. */
  get isOver(): boolean {
    return this.#cursor.isOver;
  }

  /** The data of the next item; `undefined` after the last. */
  async next(): Promise<string | undefined> {
    while (!this.isOver) {
      try {
        this.#messages ??= await this.#connect();
        const { done, value } = await this.#messages.next();
        this.#stop.signal.throwIfAborted();
        if (done) throw new ConnectionLostError(0);
        const data = this.#accept(value);
        if (data !== undefined) return data;
      } catch (error) {
        await this.#recover(error);
      }
    }
    return undefined;
  }

  /** Ends what is waited for with `reason`, and cancels the run if that is possible and makes a difference. */
  leave(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    return this.#cancelling ??= this.#cancel();
  }

  /** Releases everything. What has not been cancelled by now is not cancelled any more. */
  async close(): Promise<void> {
    this.#cancelling ??= Promise.resolve();
    if (this.isOver) {
      const cancelTimer = this.#settings.clock.setTimer(() => this.#disconnect(), END_TIMEOUT_MS);
      await this.#messages?.next().catch(() => {}); // nothing depends on it any more
      cancelTimer();
    }
    this.#disconnect();
  }

  async #connect(): Promise<AsyncIterableIterator<SseMessage, void, void>> {
    const { clock, silenceMs, onStateChange, maxEventBytes } = this.#settings;
    const { signal } = this.#stop;
    const exchange = new Exchange({ signal, silenceMs, clock });
    this.#exchange = exchange;
    const response = await this.#request(exchange);
    if (response.status >= 400) throw await readHttpProblem(response, exchange);
    expectType(response, EVENT_STREAM);
    this.#baseUrl = response.url || this.#start.url; // a response that was made by hand has none
    this.#locate(response.headers.get("location"));
    this.#cursor.connect();
    onStateChange?.({ state: "open" });
    const openedAtMs = clock.now();
    return parseSse(exchange, {
      maxEventBytes,
      onRetry: (retryMs) => this.#retryMs = Math.min(retryMs, MAX_RETRY_AFTER_MS),
      onComment: () => {
        if (clock.now() - openedAtMs >= MIN_OPEN_MS) this.#attempts = 0;
      },
    });
  }

  async #request(exchange: Exchange): Promise<Response> {
    const url = this.#url;
    const content = url === undefined ? this.#start : { method: "GET", url, body: null };
    const { lastEventId } = this.#cursor;
    const headers = await exchange
      .wait(() => this.#sender.headers(content, EVENT_STREAM, lastEventId))
      .catch((cause) => {
        // While the network is down, a token may not be had either.
        const isLost = cause instanceof ConnectionLostError; // they took too long
        throw url === undefined || isLost || this.#stop.signal.aborted
          ? cause
          : new ConnectionLostError(0, { cause });
      });
    return await exchange.send((signal) => this.#sender.fetch(content, { headers, signal }));
  }

  /** Learns where the run is, if the server says so. */
  #locate(reference: string | null | undefined): void {
    if (typeof reference !== "string" || this.#url !== undefined) return;
    this.#url = this.#sender.locate(reference, this.#baseUrl);
  }

  #accept(message: SseMessage): string | undefined {
    const { count } = this.#cursor;
    const data = this.#cursor.accept(message);
    if (this.#cursor.count > count) this.#attempts = 0;
    this.#locate(this.#cursor.url);
    return data;
  }

  /** Waits until the next attempt; throws `error` if there cannot be one. */
  async #recover(error: unknown): Promise<void> {
    const { clock, isSafe, maxAttempts, onStateChange } = this.#settings;
    const canRepeat = this.#url !== undefined || (isSafe && this.#cursor.count === 0);
    if (!canRepeat || this.#stop.signal.aborted || !isTransient(error)) throw error;
    if (this.#attempts >= maxAttempts) {
      throw this.#attempts === 0
        ? error
        : new ConnectionLostError(this.#attempts, { cause: error });
    }
    this.#disconnect();
    const attempt = ++this.#attempts;
    const backoff = this.#settings.backoff ?? resumeBackoff(this.#retryMs);
    const retryAfterMs = error instanceof HttpProblemError ? error.retryAfterMs : undefined;
    const backoffMs = backoff(attempt);
    checkOption("the result of backoff", backoffMs, "finite", Number.isFinite(backoffMs));
    const delayMs = Math.max(0, backoffMs, retryAfterMs ?? 0);
    onStateChange?.({ state: "reconnecting", attempt, delayMs, cause: error });
    await sleep(clock, delayMs, this.#stop.signal);
  }

  #disconnect(): void {
    this.#exchange?.close();
    this.#exchange = undefined;
    this.#messages = undefined;
  }

  async #cancel(): Promise<void> {
    const url = this.#url;
    if (url === undefined || this.#cursor.isSaga) return;
    const { clock } = this.#settings;
    const exchange = new Exchange({ signal: undefined, silenceMs: CANCEL_TIMEOUT_MS, clock });
    const content = { method: "DELETE", url, body: null };
    try {
      await exchange.send(async (signal) => {
        const headers = await this.#sender.headers(content, "*/*");
        return this.#sender.fetch(content, { headers, keepalive: true, signal });
      });
    } catch {
      // The server ends the run without it, only later.
    } finally {
      exchange.close();
    }
  }
}

function isTransient(error: unknown): error is ConnectionLostError | HttpProblemError {
  return error instanceof ConnectionLostError ||
    (error instanceof HttpProblemError && TRANSIENT_STATUSES.includes(error.status) &&
      (error.retryAfterMs ?? 0) <= MAX_RETRY_AFTER_MS);
}
