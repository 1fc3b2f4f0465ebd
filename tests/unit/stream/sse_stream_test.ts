import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeSseEvent,
  parseSse,
  type SseEvent,
  sseStream,
  type SseStreamOptions,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { textOf } from "./bytes.ts";
import { turns } from "./turns.ts";

async function* eventsOf(...data: string[]): AsyncGenerator<SseEvent, void> {
  for (const text of data) yield await Promise.resolve({ data: text });
}

/** `count` events of ten bytes that are ready, and how many of them were asked for. */
function ready(count: number) {
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
function stuck() {
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

async function chunksOf(
  events: AsyncIterable<SseEvent>,
  options?: SseStreamOptions,
): Promise<string[]> {
  const decoder = new TextDecoder();
  return (await Array.fromAsync(sseStream(events, options))).map((chunk) => decoder.decode(chunk));
}

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

async function* layered<T>(source: AsyncIterable<T>, layers: number): AsyncGenerator<T, void> {
  const inner = layers === 1 ? source : layered(source, layers - 1);
  for await (const item of inner) yield item;
}

for (const layers of [1, 2, 3, 4]) {
  Deno.test(`sseStream() sends events together that come through ${layers} layers of generators`, async () => {
    assert.deepEqual(await chunksOf(layered(eventsOf("a", "b", "c"), layers)), [
      "data: a\n\ndata: b\n\ndata: c\n\n",
    ]);
  });
}

Deno.test("sseStream() sends an event that is ready alone before the next one exists", async () => {
  const later = Promise.withResolvers<void>();
  async function* events() {
    yield { data: "a" };
    await later.promise;
    yield { data: "b" };
    yield { data: "c" };
  }
  const reader = sseStream(events()).getReader();
  assert.equal(textOf(await reader.read()), "data: a\n\n");
  later.resolve();
  assert.equal(textOf(await reader.read()), "data: b\n\ndata: c\n\n");
  assert.equal((await reader.read()).done, true);
});

for (const turns of [0, 1, 2, 13, 14, 15, 16, 17, 18, 19, 20, 21, 40]) {
  Deno.test(`sseStream() misses no event that takes ${turns} microtask turns`, async () => {
    async function* events() {
      for (let item = 0; item < 3; item++) {
        for (let turn = 0; turn < turns; turn++) await undefined;
        yield { data: `${item}` };
      }
    }
    const chunks = await chunksOf(events(), { heartbeatMs: 0 });
    assert.equal(chunks.join(""), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });
}

Deno.test("sseStream() asks for nothing before the reader asks", async () => {
  const { asked, events } = ready(3);
  const reader = sseStream(events, { retryMs: 1 }).getReader();
  await turns();
  assert.equal(asked.next, 0);
  await reader.cancel();
});

Deno.test("sseStream() reads at most one event ahead of the chunk", async () => {
  const { asked, events } = ready(100);
  const reader = sseStream(events, { maxChunkBytes: 35 }).getReader();
  assert.equal(textOf(await reader.read()).length, 30);
  assert.equal(asked.next, 4);
  assert.equal(textOf(await reader.read()).length, 30);
  assert.equal(asked.next, 7);
  await reader.cancel();
});

Deno.test("sseStream() reads nothing ahead of a chunk that is full", async () => {
  const { asked, events } = ready(100);
  const reader = sseStream(events, { maxChunkBytes: 30 }).getReader();
  assert.equal(textOf(await reader.read()).length, 30);
  assert.equal(asked.next, 3);
  await reader.cancel();
});

Deno.test("sseStream() asks for one event at a time and keeps what it asked for", async () => {
  const { asked, events } = stuck();
  const clock = new ManualClock();
  const reader = sseStream(events, { clock, heartbeatMs: 10 }).getReader();
  for (let beat = 0; beat < 3; beat++) {
    const read = reader.read();
    await clock.timersPending();
    await clock.advance(10);
    await read;
  }
  assert.equal(asked.next, 1);
  await reader.cancel();
});

Deno.test("sseStream() sends an event whole that is larger than maxChunkBytes", async () => {
  const large = "€".repeat(50);
  assert.deepEqual(await chunksOf(eventsOf("a", large, "b", "c"), { maxChunkBytes: 30 }), [
    "data: a\n\n",
    `data: ${large}\n\n`,
    "data: b\n\ndata: c\n\n",
  ]);
});

Deno.test("sseStream() sends chunks of at most 16 KiB by default", async () => {
  const { events } = ready(4_000);
  const sizes = (await Array.fromAsync(sseStream(events))).map((chunk) => chunk.length);
  assert.deepEqual(sizes, [16_380, 16_380, 7_240]);
});

Deno.test("sseStream() keeps every chunk of several events within maxChunkBytes", async () => {
  const data = fc.string({ unit: fc.constantFrom("a", "\n", "é", "€", "😀"), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(data), fc.integer({ min: 1, max: 120 }), async (data, max) => {
      const texts = data.map((text) => encodeSseEvent({ data: text }));
      const stream = sseStream(eventsOf(...data), { maxChunkBytes: max });
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of stream) {
        const chunkText = decoder.decode(chunk, { stream: true });
        text += chunkText;
        assert.ok(chunk.length <= max || texts.includes(chunkText), `${chunk.length} bytes`);
      }
      assert.equal(text, texts.join(""));
    }),
  );
});

Deno.test("sseStream() does not hold an event back while the producer computes", async () => {
  let nowMs = 0;
  const clock = { now: () => nowMs, setTimer: () => () => {} };
  async function* events() {
    for (let item = 0; item < 4; item++) {
      nowMs += 3;
      yield { data: `${item}` };
    }
  }
  assert.deepEqual(await chunksOf(events(), { clock }), [
    "data: 0\n\ndata: 1\n\ndata: 2\n\n",
    "data: 3\n\n",
  ]);
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
  const reader = sseStream(events(), { retryMs: 2_500 }).getReader();
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
  const reader = sseStream(events, { maxChunkBytes: 35 }).getReader();
  await reader.read();
  await reader.cancel();
  assert.deepEqual(asked, { next: 4, return: 1 });
});

Deno.test("sseStream() asks for nothing more when it is cancelled while it gathers events", async () => {
  const { asked, events } = ready(1_000);
  const reader = sseStream(events).getReader();
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
  const reader = sseStream(events()).getReader();
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
  const reader = sseStream(events()).getReader();
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
  const reader = sseStream(events()).getReader();
  assert.equal(textOf(await reader.read()), "data: a\n\n");
  await assert.rejects(reader.read(), /^TypeError: Cannot encode an SSE event/);
  assert.equal(ended, true);
});

Deno.test("sseStream() errors when the first event cannot be encoded", async () => {
  const events = (async function* () {
    yield { id: "\0", data: "" };
  })();
  await assert.rejects(sseStream(events).getReader().read(), TypeError);
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
  const reader = sseStream(events).getReader();
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
