/**
 * Streams: async iterables as Web Streams and back, a concurrent map over them, and Server-Sent
 * Events in both directions.
 *
 * Everything here is pulled: a slow reader slows the producer, and at most the named number of
 * items is under way. Everything is left at once: cancelling a stream or leaving a loop runs the
 * producer's `finally`, also while it is waiting. An event stream keeps the order of its events;
 * one that breaks off loses what was not delivered, which only the sender's own log can replace.
 *
 * @example Sending events and reading them back
 * ```ts
 * import { parseSse, sseStream } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * async function* events() {
 *   yield { id: "1", data: "one" };
 *   yield { id: "2", data: "two" };
 * }
 * const received: string[] = [];
 * for await (const message of parseSse(sseStream(events()))) {
 *   received.push(`${message.lastEventId}: ${message.data}`);
 * }
 * assert.deepEqual(received, ["1: one", "2: two"]);
 * ```
 *
 * @module
 */

export { mapConcurrent, type MapConcurrentOptions } from "./map_concurrent.ts";
export {
  memoryReplayLog,
  type MemoryReplayLogOptions,
  type ObservedReplayLog,
  observedReplayLog,
} from "./memory_replay_log.ts";
export { fromReadableStream, toReadableStream } from "./readable_stream.ts";
export {
  type ReplayEvent,
  type ReplayLog,
  ReplayLogFullError,
  type ReplayReader,
  type ReplayWriter,
} from "./replay_log.ts";
export { type SseMessage, SseParseError, type SseParseOptions } from "./sse_decoder.ts";
export { encodeSseComment, encodeSseEvent, type SseEvent } from "./sse_encoder.ts";
export { parseSse } from "./sse_parser.ts";
export { sseStream, type SseStreamOptions } from "./sse_stream.ts";
