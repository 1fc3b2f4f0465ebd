import { fromReadableStream } from "./readable_stream.ts";
import { leaveAtOnce, SourceIterator } from "./source_iterator.ts";
import { SseDecoder, type SseMessage, type SseParseOptions } from "./sse_decoder.ts";

/**
 * Reads a `text/event-stream` as the HTML standard interprets it, from chunks that may be cut
 * anywhere. An event that the end of the source leaves incomplete is discarded, as the standard asks.
 *
 * Leaving early cancels the source at once, even while a `next()` is pending. Errors of the
 * source are passed on.
 *
 * @throws {RangeError} If `maxEventBytes` is neither a positive integer nor `Infinity`.
 * @throws {SseParseError} From `next()`, if an event is larger than `maxEventBytes`; the source is cancelled.
 *
 * @example Reading the events of a response
 * ```ts
 * import { parseSse } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * const response = new Response("id: 7\nevent: item\ndata: one\ndata: two\n\n");
 * assert.ok(response.body);
 * for await (const message of parseSse(response.body)) {
 *   assert.deepEqual(message, { event: "item", data: "one\ntwo", lastEventId: "7" });
 * }
 * ```
 */
export function parseSse(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options: SseParseOptions = {},
): AsyncIterableIterator<SseMessage, void, void> {
  const decoder = new SseDecoder(options);
  const chunks = new SourceIterator(
    "getReader" in source ? fromReadableStream(source) : source[Symbol.asyncIterator](),
  );
  return leaveAtOnce(readMessages(chunks, decoder, options.onBytes), () => chunks.close());
}

async function* readMessages(
  chunks: SourceIterator<Uint8Array>,
  decoder: SseDecoder,
  onBytes: SseParseOptions["onBytes"],
): AsyncGenerator<SseMessage, void> {
  try {
    for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) {
      onBytes?.(chunk.value.length);
      for (const message of decoder.decode(chunk.value)) yield message;
    }
  } catch (error) {
    // What went wrong matters more than a failure to close. Leaving early closes elsewhere, at once.
    await chunks.close().catch(() => {});
    throw error;
  }
}
