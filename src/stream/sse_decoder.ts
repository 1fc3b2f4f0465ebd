import { SluiceError } from "../errors.ts";

/** One event of a `text/event-stream`, as a client reads it. */
export interface SseMessage {
  /** The name of the event; `"message"` when the stream names none. */
  readonly event: string;
  /** The payload; its lines end in `"\n"`. */
  readonly data: string;
  /** The last `id` that the stream has sent up to and including this event; empty when there was none. */
  readonly lastEventId: string;
}

/** What {@linkcode parseSse} reports beside the events. Callbacks run in the order of the stream. */
export interface SseParseOptions {
  /**
   * The most bytes that the lines of one event may have, comments and line ends not counted; also
   * the most bytes of any one line. A U+FFFD counts as three bytes, whatever it replaces.
   * `Infinity` sets no bound.
   *
   * @default {1_048_576}
   */
  readonly maxEventBytes?: number;
  /**
   * The last event ID that holds before the stream sends one: the `Last-Event-ID` it was asked for.
   *
   * @default {""}
   */
  readonly lastEventId?: string;
  /** Receives the size of each chunk that arrives, before it is read: a sign of life, whatever is in it. */
  readonly onBytes?: (byteCount: number) => void;
  /** Receives the reconnection time in milliseconds, a safe integer, whenever the stream sets it. */
  readonly onRetry?: (retryMs: number) => void;
  /** Receives a new last event ID, at the end of its event and before that event; it may have no data. */
  readonly onLastEventId?: (lastEventId: string) => void;
  /** Receives the text of each comment line. */
  readonly onComment?: (text: string) => void;
}

/** An event stream has an event or a line that is larger than the reader accepts. */
export class SseParseError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "sse_parse";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SseParseError";
  /** The bound that was exceeded, in bytes. */
  readonly maxEventBytes: number;

  /** Creates the error for a bound of `maxEventBytes` bytes. */
  constructor(maxEventBytes: number) {
    super(`Cannot parse the event stream: an event is larger than ${maxEventBytes} bytes`);
    this.maxEventBytes = maxEventBytes;
  }
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const LINE_END = /\r\n|\r|\n/;
const DIGITS = /^[0-9]+$/;

/**
 * Interprets an event stream, chunk by chunk, as the HTML standard says:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * The lines that a chunk completes are decoded together. That gives what decoding the whole stream
 * would give, because a line end is never part of another UTF-8 sequence, valid or not.
 */
export class SseDecoder {
  readonly #options: SseParseOptions;
  readonly #maxEventBytes: number;
  // Left to itself a decoder would remove a BOM from the start of every chunk, not of the stream.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  /** The line that no chunk has ended yet. The array doubles, so that tiny chunks cost linear time. */
  #partial = new Uint8Array(0);
  #partialBytes = 0;
  #endsInCr = false;
  #isFirstLine = true;
  #eventBytes = 0;
  #event = "";
  #data: string | undefined;
  #id: string;
  #lastEventId: string;

  constructor(options: SseParseOptions) {
    const { maxEventBytes = 1_048_576, lastEventId = "" } = options;
    if (maxEventBytes !== Infinity && !(Number.isSafeInteger(maxEventBytes) && maxEventBytes > 0)) {
      throw new RangeError(
        `Cannot parse an event stream: maxEventBytes must be a positive integer or Infinity, got ${maxEventBytes}`,
      );
    }
    this.#options = options;
    this.#maxEventBytes = maxEventBytes;
    this.#id = lastEventId;
    this.#lastEventId = lastEventId;
  }

  /**
   * The events that `chunk` completes. Each is read only when it is asked for, so callbacks keep
   * their place in the stream; all must be asked for before the next chunk.
   *
   * @throws {SseParseError} If an event or a line is too large.
   */
  *decode(chunk: Uint8Array): Generator<SseMessage, void> {
    if (chunk.length === 0) return;
    // A CR ends its line at once, so that no event waits for the next chunk; an LF after it is skipped.
    const start = this.#endsInCr && chunk[0] === LF ? 1 : 0;
    const end = Math.max(start, chunk.lastIndexOf(LF) + 1, chunk.lastIndexOf(CR) + 1);
    this.#endsInCr = chunk[chunk.length - 1] === CR;
    if (end > start) {
      this.#hold(chunk.subarray(start, end));
      const bytes = this.#partial.subarray(0, this.#partialBytes);
      this.#partialBytes = 0;
      yield* this.#readLines(bytes);
    }
    this.#hold(chunk.subarray(end));
    this.#checkSize(this.#partialBytes, this.#partial[0] === COLON);
  }

  #hold(bytes: Uint8Array): void {
    const byteCount = this.#partialBytes + bytes.length;
    if (byteCount > this.#partial.length) {
      const larger = new Uint8Array(Math.max(byteCount, 2 * this.#partial.length));
      larger.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = larger;
    }
    this.#partial.set(bytes, this.#partialBytes);
    this.#partialBytes = byteCount;
  }

  *#readLines(bytes: Uint8Array): Generator<SseMessage, void> {
    const text = this.#decoder.decode(bytes);
    const lines = text.includes("\r") ? text.split(LINE_END) : text.split("\n");
    lines.pop();
    // ASCII has as many bytes as characters; so has text where U+FFFD stands for single bad bytes.
    const isAscii = text.length === bytes.length && !text.includes("\ufffd");
    for (const line of lines) {
      const byteCount = isAscii ? line.length : this.#encoder.encode(line).length;
      const message = this.#readLine(line, byteCount);
      if (message !== undefined) yield message;
    }
  }

  #readLine(line: string, byteCount: number): SseMessage | undefined {
    this.#checkSize(byteCount, line.startsWith(":"));
    let text = line;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (line.startsWith("\ufeff")) text = line.slice(1);
    }
    if (text === "") return this.#endEvent();
    const colon = text.indexOf(":");
    if (colon === 0) {
      this.#options.onComment?.(withoutSpace(text, 1));
      return undefined;
    }
    this.#eventBytes += byteCount;
    if (colon === -1) this.#readField(text, "");
    else this.#readField(text.slice(0, colon), withoutSpace(text, colon + 1));
    return undefined;
  }

  #readField(name: string, value: string): void {
    if (name === "data") {
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (name === "event") {
      this.#event = value;
    } else if (name === "id") {
      if (!value.includes("\0")) this.#id = value;
    } else if (name === "retry" && DIGITS.test(value)) {
      const retryMs = Number(value);
      if (Number.isSafeInteger(retryMs)) this.#options.onRetry?.(retryMs);
    }
  }

  #endEvent(): SseMessage | undefined {
    const event = this.#event === "" ? "message" : this.#event;
    const data = this.#data;
    this.#event = "";
    this.#data = undefined;
    this.#eventBytes = 0;
    if (this.#id !== this.#lastEventId) {
      this.#lastEventId = this.#id;
      this.#options.onLastEventId?.(this.#id);
    }
    return data === undefined ? undefined : { event, data, lastEventId: this.#lastEventId };
  }

  #checkSize(lineBytes: number, isComment: boolean): void {
    const byteCount = isComment ? lineBytes : this.#eventBytes + lineBytes;
    if (byteCount > this.#maxEventBytes) {
      throw new SseParseError(this.#maxEventBytes);
    }
  }
}

function withoutSpace(text: string, start: number): string {
  return text.slice(text[start] === " " ? start + 1 : start);
}
