/**
 * The text of Server-Sent Events.
 *
 * @module
 */

/** One event of a `text/event-stream`, as a server writes it. */
export interface SseEvent {
  /** The name that listeners select by. A parser reads an empty or missing name as `"message"`. */
  readonly event?: string | undefined;
  /** The payload. It may have several lines; every line end arrives as `"\n"`. */
  readonly data: string;
  /** What the client sends back as `Last-Event-ID` after a lost connection; empty clears it. */
  readonly id?: string | undefined;
  /** How long the client waits before it reconnects, in milliseconds; 0 means at once. */
  readonly retryMs?: number | undefined;
}

const LINE_END = /\r\n|\r|\n/g;

/**
 * Writes one event, with the empty line that ends it.
 *
 * A parser gives back the same event, but for three things that the format
 * cannot carry: CRLF and CR in `data` arrive as LF, an empty `event` arrives as
 * `"message"`, and an unpaired surrogate becomes U+FFFD when the text is encoded as UTF-8.
 *
 * @throws {TypeError} If `event` or `id` contains a line end, or `id` contains U+0000.
 * @throws {RangeError} If `retryMs` is not a non-negative safe integer.
 *
 * @example Writing an event
 * ```ts
 * import { encodeSseEvent } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   encodeSseEvent({ event: "item", id: "run:1", data: "one\ntwo" }),
 *   "event: item\nid: run:1\ndata: one\ndata: two\n\n",
 * );
 * ```
 */
export function encodeSseEvent(event: SseEvent): string {
  let text = "";
  if (event.event !== undefined) text += encodeField("event", event.event);
  if (event.id !== undefined) {
    if (event.id.includes("\0")) {
      throw new TypeError("Cannot encode an SSE event: id contains U+0000, so parsers ignore it");
    }
    text += encodeField("id", event.id);
  }
  if (event.retryMs !== undefined) text += encodeSseRetry(event.retryMs);
  return `${text}${encodeLines("data: ", event.data)}\n`;
}

/**
 * Writes a comment, which parsers skip, with an empty line after it. A text of
 * several lines becomes several comment lines.
 *
 * @example Writing a heartbeat
 * ```ts
 * import { encodeSseComment } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * assert.equal(encodeSseComment("keep-alive"), ": keep-alive\n\n");
 * ```
 */
export function encodeSseComment(text: string): string {
  return `${encodeLines(": ", text)}\n`;
}

/**
 * Writes the line that sets the client's reconnection time.
 *
 * @throws {RangeError} If `retryMs` is not a non-negative safe integer.
 */
export function encodeSseRetry(retryMs: number): string {
  if (!Number.isSafeInteger(retryMs) || retryMs < 0) {
    throw new RangeError(
      `Cannot encode an SSE event: retryMs must be a non-negative integer, got ${retryMs}`,
    );
  }
  return `retry: ${retryMs}\n`;
}

function encodeField(name: "event" | "id", value: string): string {
  if (hasLineEnd(value)) {
    throw new TypeError(`Cannot encode an SSE event: ${name} contains a line end`);
  }
  return `${name}: ${value}\n`;
}

// The space after the colon is always written, because a parser drops one: a value keeps its own.
function encodeLines(prefix: string, text: string): string {
  const lines = hasLineEnd(text) ? text.replace(LINE_END, `\n${prefix}`) : text;
  return `${prefix}${lines}\n`;
}

function hasLineEnd(text: string): boolean {
  return text.includes("\n") || text.includes("\r");
}
