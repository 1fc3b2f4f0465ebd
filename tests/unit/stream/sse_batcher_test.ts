import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeSseEvent, sseStream } from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { textOf } from "./bytes.ts";
import { chunksOf, eventsOf, ready, still, stuck } from "./sse_events.ts";
import { turns } from "./turns.ts";

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
  const reader = still(events()).getReader();
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
  const reader = still(events, { retryMs: 1 }).getReader();
  await turns();
  assert.equal(asked.next, 0);
  await reader.cancel();
});

Deno.test("sseStream() reads at most one event ahead of the chunk", async () => {
  const { asked, events } = ready(100);
  const reader = still(events, { maxChunkBytes: 35 }).getReader();
  assert.equal(textOf(await reader.read()).length, 30);
  assert.equal(asked.next, 4);
  assert.equal(textOf(await reader.read()).length, 30);
  assert.equal(asked.next, 7);
  await reader.cancel();
});

Deno.test("sseStream() reads nothing ahead of a chunk that is full", async () => {
  const { asked, events } = ready(100);
  const reader = still(events, { maxChunkBytes: 30 }).getReader();
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
  const sizes = (await Array.fromAsync(still(events))).map((chunk) => chunk.length);
  assert.deepEqual(sizes, [16_380, 16_380, 7_240]);
});

Deno.test("sseStream() keeps every chunk of several events within maxChunkBytes", async () => {
  const data = fc.string({ unit: fc.constantFrom("a", "\n", "é", "€", "😀"), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(data), fc.integer({ min: 1, max: 120 }), async (data, max) => {
      const texts = data.map((text) => encodeSseEvent({ data: text }));
      const stream = still(eventsOf(...data), { maxChunkBytes: max });
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
    "data: 0\n\ndata: 1\n\n",
    "data: 2\n\ndata: 3\n\n",
  ]);
});
