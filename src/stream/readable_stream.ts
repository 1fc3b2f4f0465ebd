/**
 * Conversion between async iterables and Web Streams.
 *
 * @module
 */

/**
 * Converts an async iterable to a stream that pulls: nothing is asked of the
 * iterable before the reader asks, and at most one item is under way.
 *
 * Cancelling the stream calls the iterator's `return()` at once, even while a
 * `next()` is pending, and waits for it. An error of the iterable errors the stream.
 *
 * @example Reading a generator as a stream
 * ```ts
 * import { toReadableStream } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * async function* count() {
 *   yield 1;
 *   yield 2;
 * }
 * const reader = toReadableStream(count()).getReader();
 * assert.deepEqual(await reader.read(), { done: false, value: 1 });
 * await reader.cancel();
 * ```
 */
export function toReadableStream<T>(iterable: AsyncIterable<T>): ReadableStream<T> {
  const iterator = iterable[Symbol.asyncIterator]();
  let cancelled = false;
  return new ReadableStream<T>({
    async pull(controller) {
      const result = await iterator.next();
      if (cancelled) return;
      if (result.done) controller.close();
      else controller.enqueue(result.value);
    },
    async cancel() {
      cancelled = true;
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
}

/**
 * Converts a stream to an async iterator, for runtimes whose streams are not
 * async iterable. The stream is locked at once.
 *
 * Leaving early cancels the stream, even while a `next()` is pending, which then
 * ends. An error of the stream is thrown by `next()`.
 *
 * @throws {TypeError} If the stream is locked already.
 *
 * @example Reading the first chunk of a stream
 * ```ts
 * import { fromReadableStream } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * let cancelled = false;
 * const stream = new ReadableStream<string>({
 *   pull: (controller) => controller.enqueue("chunk"),
 *   cancel: () => {
 *     cancelled = true;
 *   },
 * });
 * for await (const chunk of fromReadableStream(stream)) {
 *   assert.equal(chunk, "chunk");
 *   break;
 * }
 * assert.equal(cancelled, true);
 * ```
 */
export function fromReadableStream<T>(
  stream: ReadableStream<T>,
): AsyncIterableIterator<T, void, void> {
  const reader = stream.getReader();
  let released = false;
  const release = () => {
    released = true;
    reader.releaseLock();
  };
  return {
    async next() {
      if (released) return { done: true, value: undefined };
      try {
        const result = await reader.read();
        if (!result.done) return { done: false, value: result.value };
      } catch (error) {
        release();
        throw error;
      }
      release();
      return { done: true, value: undefined };
    },
    async return() {
      if (released) return { done: true, value: undefined };
      const cancelled = reader.cancel();
      release();
      await cancelled;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
