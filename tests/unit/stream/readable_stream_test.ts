import assert from "node:assert/strict";
import { fromReadableStream, toReadableStream } from "../../../src/stream/mod.ts";
import { turns } from "./turns.ts";

/** A source that counts what is asked of it, and answers when it is told to. */
function counted() {
  const asked = { next: 0, return: 0 };
  const answers: PromiseWithResolvers<IteratorResult<string, void>>[] = [];
  const iterable: AsyncIterable<string, void> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        asked.next++;
        const answer = Promise.withResolvers<IteratorResult<string, void>>();
        answers.push(answer);
        return answer.promise;
      },
      return() {
        asked.return++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return { asked, answers, iterable };
}

Deno.test("toReadableStream() gives the items in order and then closes", async () => {
  async function* items() {
    yield 1;
    yield await Promise.resolve(2);
    yield undefined;
  }
  const stream: ReadableStream<number | undefined> = toReadableStream(items());
  assert.deepEqual(await Array.fromAsync(stream), [1, 2, undefined]);
});

Deno.test("toReadableStream() asks for nothing before the reader asks", async () => {
  const { asked, iterable } = counted();
  const stream = toReadableStream(iterable);
  const reader = stream.getReader();
  await turns();
  assert.equal(asked.next, 0);
  await reader.cancel();
});

Deno.test("toReadableStream() has one item in flight when several are asked for", async () => {
  const { asked, answers, iterable } = counted();
  const reader = toReadableStream(iterable).getReader();
  const reads = [reader.read(), reader.read()];
  await turns();
  assert.equal(asked.next, 1);
  answers[0]?.resolve({ done: false, value: "a" });
  assert.deepEqual(await reads[0], { done: false, value: "a" });
  await turns();
  assert.equal(asked.next, 2);
  answers[1]?.resolve({ done: true, value: undefined });
  assert.deepEqual(await reads[1], { done: true, value: undefined });
});

Deno.test("toReadableStream() asks for nothing after the reader has stopped asking", async () => {
  const { asked, answers, iterable } = counted();
  const reader = toReadableStream(iterable).getReader();
  const read = reader.read();
  await turns();
  answers[0]?.resolve({ done: false, value: "a" });
  await read;
  await turns();
  assert.equal(asked.next, 1);
  await reader.cancel();
});

Deno.test("toReadableStream() returns the iterator at once when it is cancelled while pulling", async () => {
  const { asked, answers, iterable } = counted();
  const reader = toReadableStream(iterable).getReader();
  const read = reader.read();
  await turns();
  const cancelled = reader.cancel();
  assert.equal(asked.return, 1);
  assert.deepEqual(await read, { done: true, value: undefined });
  await cancelled;
  answers[0]?.resolve({ done: false, value: "late" });
  assert.deepEqual(await reader.read(), { done: true, value: undefined });
});

Deno.test("toReadableStream() waits for the finally of a generator when it is cancelled", async () => {
  const cleanup = Promise.withResolvers<void>();
  let cleaned = false;
  async function* items() {
    try {
      yield 1;
      yield 2;
    } finally {
      await cleanup.promise;
      cleaned = true;
    }
  }
  const reader = toReadableStream(items()).getReader();
  await reader.read();
  const cancelled = reader.cancel();
  cleanup.resolve();
  await cancelled;
  assert.equal(cleaned, true);
});

Deno.test("toReadableStream() errors with what the iterable throws", async () => {
  const failure = new Error("broken");
  // deno-lint-ignore require-yield
  async function* items(): AsyncGenerator<number> {
    await Promise.resolve();
    throw failure;
  }
  const reader = toReadableStream(items()).getReader();
  await assert.rejects(reader.read(), (error) => error === failure);
});

Deno.test("toReadableStream() rejects its cancellation with what return() throws", async () => {
  const failure = new Error("cleanup");
  async function* items() {
    try {
      yield 1;
    } finally {
      await Promise.reject(failure);
    }
  }
  const reader = toReadableStream(items()).getReader();
  await reader.read();
  await assert.rejects(reader.cancel(), (error) => error === failure);
});

Deno.test("toReadableStream() can be cancelled when the iterator has no return()", async () => {
  const iterable: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 1 }) }),
  };
  await toReadableStream(iterable).cancel();
});

/** A stream that notices when it is cancelled. */
function cancellable(pull: (controller: ReadableStreamDefaultController<number>) => void) {
  const reasons: unknown[] = [];
  const stream = new ReadableStream<number>({
    pull,
    cancel: (reason) => void reasons.push(reason),
  }, { highWaterMark: 0 });
  return { stream, reasons };
}

Deno.test("fromReadableStream() gives the chunks in order and releases the stream", async () => {
  let count = 0;
  const { stream } = cancellable((controller) => {
    if (count < 3) controller.enqueue(count++);
    else controller.close();
  });
  assert.deepEqual(await Array.fromAsync(fromReadableStream(stream)), [0, 1, 2]);
  assert.equal(stream.locked, false);
});

Deno.test("fromReadableStream() locks the stream at once", () => {
  const { stream } = cancellable(() => {});
  fromReadableStream(stream);
  assert.equal(stream.locked, true);
  assert.throws(() => fromReadableStream(stream), TypeError);
});

Deno.test("fromReadableStream() asks for one chunk at a time", async () => {
  let pulled = 0;
  const { stream } = cancellable((controller) => controller.enqueue(pulled++));
  const chunks = fromReadableStream(stream);
  await turns();
  assert.equal(pulled, 0);
  await chunks.next();
  await turns();
  assert.equal(pulled, 1);
  await chunks.return?.();
});

Deno.test("fromReadableStream() cancels and releases the stream when its loop is left early", async () => {
  const { stream, reasons } = cancellable((controller) => controller.enqueue(1));
  for await (const _ of fromReadableStream(stream)) break;
  assert.deepEqual(reasons, [undefined]);
  assert.equal(stream.locked, false);
});

Deno.test("fromReadableStream() cancels the stream when it is left before its first chunk", async () => {
  const { stream, reasons } = cancellable(() => {});
  await fromReadableStream(stream).return?.();
  assert.equal(reasons.length, 1);
});

Deno.test("fromReadableStream() cancels at once when it is left while a next() is pending", async () => {
  const { stream, reasons } = cancellable(() => {});
  const chunks = fromReadableStream(stream);
  const pending = chunks.next();
  const left = chunks.return?.();
  assert.equal(reasons.length, 1);
  assert.deepEqual(await pending, { done: true, value: undefined });
  assert.deepEqual(await left, { done: true, value: undefined });
});

Deno.test("fromReadableStream() stays ended after it was left", async () => {
  const { stream, reasons } = cancellable((controller) => controller.enqueue(1));
  const chunks = fromReadableStream(stream);
  await chunks.return?.();
  await chunks.return?.();
  assert.deepEqual(await chunks.next(), { done: true, value: undefined });
  assert.equal(reasons.length, 1);
});

Deno.test("fromReadableStream() throws the error of the stream and releases it", async () => {
  const failure = new Error("reset");
  const { stream } = cancellable((controller) => controller.error(failure));
  const chunks = fromReadableStream(stream);
  await assert.rejects(chunks.next(), (error) => error === failure);
  assert.equal(stream.locked, false);
  assert.deepEqual(await chunks.next(), { done: true, value: undefined });
});

Deno.test("fromReadableStream() rejects when cancelling fails", async () => {
  const failure = new Error("cancel");
  const stream = new ReadableStream<number>({ cancel: () => Promise.reject(failure) });
  const chunks = fromReadableStream(stream);
  await assert.rejects(async () => await chunks.return?.(), (error) => error === failure);
  assert.equal(stream.locked, false);
});
