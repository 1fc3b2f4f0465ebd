import { type SseEvent, sseStream, type SseStreamOptions } from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

/** Events that are ready, one for each text. */
export async function* eventsOf(...data: string[]): AsyncGenerator<SseEvent, void> {
  for (const text of data) yield await Promise.resolve({ data: text });
}

/** `count` events of ten bytes that are ready, and how many of them were asked for. */
export function ready(count: number) {
  const asked = { next: 0, return: 0 };
  const events: AsyncIterable<SseEvent, void> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        asked.next++;
        if (asked.next > count) return Promise.resolve({ done: true, value: undefined });
        return Promise.resolve({ done: false, value: { data: `${asked.next % 10}0` } });
      },
      return() {
        asked.return++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return { asked, events };
}

/** Events whose `next()` never settles; `return()` is counted and ends it. */
export function stuck() {
  const asked = { next: 0, return: 0 };
  const end = Promise.withResolvers<IteratorResult<SseEvent, void>>();
  const events: AsyncIterable<SseEvent, void> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        asked.next++;
        return end.promise;
      },
      return() {
        asked.return++;
        end.resolve({ done: true, value: undefined });
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return { asked, events };
}

/** A stream on a clock that stands still, so that no chunk ends because the machine is busy. */
export function still(
  events: AsyncIterable<SseEvent>,
  options: SseStreamOptions = {},
): ReadableStream<Uint8Array> {
  return sseStream(events, { clock: new ManualClock(), ...options });
}

/** The text of each chunk of such a stream. */
export async function chunksOf(
  events: AsyncIterable<SseEvent>,
  options?: SseStreamOptions,
): Promise<string[]> {
  const decoder = new TextDecoder();
  return (await Array.fromAsync(still(events, options))).map((chunk) => decoder.decode(chunk));
}
