import { type Clock, systemClock } from "../clock.ts";
import { SseBatcher } from "./sse_batcher.ts";
import { encodeSseComment, encodeSseRetry, type SseEvent } from "./sse_encoder.ts";

/** Options of {@linkcode sseStream}. */
export interface SseStreamOptions {
  /**
   * How long a reader waits for an event, in milliseconds, before a comment keeps the connection
   * alive. 0 and `Infinity` send none.
   *
   * @default {15_000}
   */
  readonly heartbeatMs?: number;
  /**
   * The reconnection time in milliseconds that the stream starts with; 0 means at once. Without it
   * the client keeps its own.
   */
  readonly retryMs?: number;
  /**
   * The most bytes in a chunk of events that are ready together. A single event always leaves whole.
   *
   * @default {16_384}
   */
  readonly maxChunkBytes?: number;
  /**
   * The clock of the heartbeat and of the time that a chunk may take to fill.
   *
   * @default {systemClock}
   */
  readonly clock?: Clock;
}

/** What `setTimeout` can hold; a longer delay would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Encodes events as the body of a `text/event-stream` response.
 *
 * The stream pulls: an event is asked for when the reader asks for a chunk. Events that are ready
 * together leave in one chunk, which is what makes the stream fast, and an event that is ready alone
 * leaves at once: no timer and no turn of the event loop is spent on waiting for company. A chunk
 * that has taken 5 ms to fill leaves as it is, so a producer that computes holds little back. What
 * is read ahead is at most one event beyond the chunk.
 *
 * Cancelling the stream calls the iterator's `return()` at once, even while a `next()` is pending.
 * When the iterator throws, the events before it leave, then the stream errors; turn errors that the
 * client may know into events beforehand. An event that cannot be encoded does the same, and closes
 * the iterator.
 *
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Answering with events
 * ```ts
 * import { sseStream } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * async function* progress() {
 *   yield { event: "item", data: "1" };
 *   yield { event: "done", data: "" };
 * }
 * const response = new Response(sseStream(progress()), {
 *   headers: { "content-type": "text/event-stream" },
 * });
 * assert.equal(await response.text(), "event: item\ndata: 1\n\nevent: done\ndata: \n\n");
 * ```
 */
export function sseStream(
  events: AsyncIterable<SseEvent>,
  options: SseStreamOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { heartbeatMs = 15_000, retryMs, maxChunkBytes = 16_384, clock = systemClock } = options;
  checkHeartbeat(heartbeatMs);
  checkChunk(maxChunkBytes);
  const waitMs = heartbeatMs === 0 ? Infinity : heartbeatMs;
  let preamble = retryMs === undefined ? "" : `${encodeSseRetry(retryMs)}\n`;
  const encoder = new TextEncoder();
  const batcher = new SseBatcher(events[Symbol.asyncIterator](), maxChunkBytes, clock);
  let cancelled = false;
  return new ReadableStream({
    async pull(controller) {
      let batch = await batcher.gather(preamble);
      preamble = "";
      if (batch.text === "" && !batch.isLast) {
        if (!await batcher.arrives(waitMs)) {
          if (!cancelled) controller.enqueue(encoder.encode(encodeSseComment("keep-alive")));
          return;
        }
        batch = await batcher.gather("");
      }
      if (cancelled) return;
      const bytes = encoder.encode(batch.text);
      // Outside ASCII a character has several bytes. A cut inside an event is nothing to a parser.
      const size = batch.eventCount > 1 ? maxChunkBytes : bytes.length;
      for (let start = 0; start < bytes.length; start += size) {
        controller.enqueue(bytes.subarray(start, start + size));
      }
      if (batch.isLast) controller.close();
    },
    cancel() {
      cancelled = true;
      return batcher.close();
    },
  }, { highWaterMark: 0 });
}

function checkHeartbeat(heartbeatMs: number): void {
  if (heartbeatMs === Infinity || (heartbeatMs >= 0 && heartbeatMs <= MAX_TIMER_MS)) return;
  throw new RangeError(
    `Cannot open an SSE stream: heartbeatMs must be from 0 to ${MAX_TIMER_MS}, or Infinity, got ${heartbeatMs}`,
  );
}

function checkChunk(maxChunkBytes: number): void {
  if (Number.isSafeInteger(maxChunkBytes) && maxChunkBytes > 0) return;
  throw new RangeError(
    `Cannot open an SSE stream: maxChunkBytes must be a positive integer, got ${maxChunkBytes}`,
  );
}
