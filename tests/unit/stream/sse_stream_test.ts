import assert from "node:assert/strict";
import {
  parseSse,
  type SseEvent,
  sseStream,
  type SseStreamOptions,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { textOf } from "./bytes.ts";
import { chunksOf, eventsOf, ready, still, stuck } from "./sse_events.ts";
import { turns } from "./turns.ts";

Deno.test("sseStream() writes events that a parser reads back", async () => {
  const events = [{ event: "start", id: "1", data: "a\nb" }, { data: "c", retryMs: 5 }];
  async function* source() {
    yield* events;
  }
  assert.deepEqual(await Array.fromAsync(parseSse(sseStream(source()))), [
    { event: "start", data: "a\nb", lastEventId: "1" },
    { event: "message", data: "c", lastEventId: "1" },
  ]);
});

Deno.test("sseStream() closes at once when there are no events", async () => {
  assert.deepEqual(await chunksOf(eventsOf()), []);
});

Deno.test("sseStream() is a response body", async () => {
  assert.equal(await new Response(sseStream(eventsOf("a"))).text(), "data: a\n\n");
});

Deno.test("sseStream() sends a comment whenever the reader has waited for heartbeatMs", async () => {
  const later = Promise.withResolvers<void>();
  async function* events() {
    await later.promise;
    yield { data: "a" };
  }
  const clock = new ManualClock();
  const reader = sseStream(events(), { clock, heartbeatMs: 100 }).getReader();
  for (let beat = 0; beat < 2; beat++) {
    const read = reader.read();
    await clock.timersPending();
    await clock.advance(99);
    assert.equal(clock.pendingTimers, 1);
    await clock.advance(1);
    assert.equal(textOf(await read), ": keep-alive\n\n");
  }
  const read = reader.read();
  await clock.timersPending();
  later.resolve();
  assert.equal(textOf(await read), "data: a\n\n");
  assert.equal(clock.pendingTimers, 0);
  assert.equal((await reader.read()).done, true);
});

Deno.test("sseStream() sends a comment every 15 s by default", async () => {
  const { events } = stuck();
  const clock = new ManualClock();
  const reader = sseStream(events, { clock }).getReader();
  const read = reader.read();
  await clock.timersPending();
  await clock.advance(14_999);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(1);
  assert.equal(textOf(await read), ": keep-alive\n\n");
  await reader.cancel();
});

Deno.test("sseStream() sets no timer while the reader does not read", async () => {
  const { events } = stuck();
  const clock = new ManualClock();
  const reader = sseStream(events, { clock, retryMs: 1 }).getReader();
  assert.equal(clock.pendingTimers, 0);
  await reader.read();
  assert.equal(clock.pendingTimers, 0);
  await reader.cancel();
});

for (const heartbeatMs of [0, Infinity]) {
  Deno.test(`sseStream() sets no timer with heartbeatMs ${heartbeatMs}`, async () => {
    const { events } = stuck();
    const clock = new ManualClock();
    const reader = sseStream(events, { clock, heartbeatMs }).getReader();
    const read = reader.read();
    await clock.advance(1_000_000);
    assert.equal(clock.pendingTimers, 0);
    await reader.cancel();
    assert.equal((await read).done, true);
  });
}

Deno.test("sseStream() leaves no timer of the system when it ends, fails or is cancelled", async () => {
  async function* later(fail: boolean) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (fail) throw new Error("broken");
    yield { data: "a" };
  }
  await Array.fromAsync(sseStream(later(false)));
  await assert.rejects(Array.fromAsync(sseStream(later(true))), /broken/);
  const reader = sseStream(stuck().events).getReader();
  const read = reader.read();
  await reader.cancel();
  await read;
});

Deno.test("sseStream() starts with the reconnection time, once and without waiting for an event", async () => {
  const later = Promise.withResolvers<void>();
  async function* events() {
    await later.promise;
    yield { data: "a" };
  }
  const reader = still(events(), { retryMs: 2_500 }).getReader();
  assert.equal(textOf(await reader.read()), "retry: 2500\n\n");
  later.resolve();
  assert.equal(textOf(await reader.read()), "data: a\n\n");
  assert.equal((await reader.read()).done, true);
});

Deno.test("sseStream() sends the reconnection time together with events that are ready", async () => {
  assert.deepEqual(await chunksOf(eventsOf("a"), { retryMs: 0 }), ["retry: 0\n\ndata: a\n\n"]);
});

Deno.test("sseStream() returns the iterator at once when it is cancelled while a next() is pending", async () => {
  const { asked, events } = stuck();
  const clock = new ManualClock();
  const reader = sseStream(events, { clock }).getReader();
  const read = reader.read();
  await clock.timersPending();
  const cancelled = reader.cancel();
  assert.equal(asked.return, 1);
  assert.equal(clock.pendingTimers, 0);
  assert.equal((await read).done, true);
  await cancelled;
});

Deno.test("sseStream() returns the iterator when it is cancelled between reads", async () => {
  const { asked, events } = ready(100);
  const reader = still(events, { maxChunkBytes: 35 }).getReader();
  await reader.read();
  await reader.cancel();
  assert.deepEqual(asked, { next: 4, return: 1 });
});

Deno.test("sseStream() asks for nothing more when it is cancelled while it gathers events", async () => {
  const { asked, events } = ready(1_000);
  const reader = still(events).getReader();
  const read = reader.read();
  await turns();
  const askedBefore = asked.next;
  assert.ok(askedBefore < 100);
  await reader.cancel();
  assert.equal((await read).done, true);
  await turns();
  assert.ok(asked.next <= askedBefore + 1);
});

Deno.test("sseStream() runs the finally of a generator before its cancellation resolves", async () => {
  let ended = false;
  async function* events() {
    try {
      yield { data: "a" };
      yield { data: "x".repeat(20_000) };
    } finally {
      await Promise.resolve();
      ended = true;
    }
  }
  const reader = still(events()).getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(ended, true);
});

Deno.test("sseStream() returns the iterator when it is cancelled before the first read", async () => {
  const { asked, events } = ready(1);
  await sseStream(events).cancel();
  assert.deepEqual(asked, { next: 0, return: 1 });
});

Deno.test("sseStream() errors with what the iterable throws after the events before it", async () => {
  const failure = new Error("broken");
  async function* events() {
    yield { data: "a" };
    throw failure;
  }
  const reader = still(events()).getReader();
  assert.equal(textOf(await reader.read()), "data: a\n\n");
  await assert.rejects(reader.read(), (error) => error === failure);
});

Deno.test("sseStream() errors with what the iterable throws before any event", async () => {
  const failure = new Error("broken");
  // deno-lint-ignore require-yield
  async function* events(): AsyncGenerator<SseEvent> {
    throw await Promise.resolve(failure);
  }
  const clock = new ManualClock();
  const reader = sseStream(events(), { clock }).getReader();
  await assert.rejects(reader.read(), (error) => error === failure);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("sseStream() errors and returns the iterator when an event cannot be encoded", async () => {
  let ended = false;
  async function* events() {
    try {
      yield { data: "a" };
      yield { event: "a\nb", data: "b" };
      yield { data: "c" };
    } finally {
      ended = true;
    }
  }
  const reader = still(events()).getReader();
  assert.equal(textOf(await reader.read()), "data: a\n\n");
  await assert.rejects(reader.read(), /^TypeError: Cannot encode an SSE event/);
  assert.equal(ended, true);
});

Deno.test("sseStream() errors when the first event cannot be encoded", async () => {
  const events = (async function* () {
    yield { id: "\0", data: "" };
  })();
  await assert.rejects(still(events).getReader().read(), TypeError);
});

Deno.test("sseStream() returns the iterator once when it is cancelled after a bad event", async () => {
  let returned = 0;
  let next = 0;
  const events: AsyncIterable<SseEvent, void> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: { id: next++ ? "\0" : "0", data: "a" } }),
      return() {
        returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const reader = still(events).getReader();
  assert.equal(textOf(await reader.read()), "id: 0\ndata: a\n\n");
  await reader.cancel();
  assert.equal(returned, 1);
});

const options: [options: SseStreamOptions, message: RegExp][] = [
  ...[-1, NaN, -Infinity, 2 ** 31].map((heartbeatMs): [SseStreamOptions, RegExp] => [
    { heartbeatMs },
    /: heartbeatMs must be from 0 to 2147483647, or Infinity, got /,
  ]),
  ...[-1, NaN, 0.5, Infinity].map((retryMs): [SseStreamOptions, RegExp] => [
    { retryMs },
    /: retryMs must be a non-negative integer, got /,
  ]),
  ...[0, -1, NaN, 0.5, Infinity].map((maxChunkBytes): [SseStreamOptions, RegExp] => [
    { maxChunkBytes },
    /: maxChunkBytes must be a positive integer, got /,
  ]),
];

for (const [option, message] of options) {
  Deno.test(`sseStream() refuses ${Object.keys(option)} ${Object.values(option)}`, () => {
    assert.throws(() => sseStream(eventsOf(), option), { name: "RangeError", message });
  });
}
