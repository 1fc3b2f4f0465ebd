import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeSseComment,
  encodeSseEvent,
  parseSse,
  type SseEvent,
  type SseMessage,
  SseParseError,
} from "../../../src/stream/mod.ts";
import { bytesOf, inChunks } from "./bytes.ts";

type Seen =
  | SseMessage
  | { readonly retryMs: number }
  | { readonly comment: string }
  | { readonly newId: string }
  | { readonly failed: number };

/** Everything that parseSse() tells, in order. */
async function parsed(source: AsyncIterable<Uint8Array>, maxEventBytes: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  const messages = parseSse(source, {
    maxEventBytes,
    onRetry: (retryMs) => seen.push({ retryMs }),
    onComment: (comment) => seen.push({ comment }),
    onLastEventId: (newId) => seen.push({ newId }),
  });
  try {
    for await (const message of messages) seen.push(message);
  } catch (error) {
    assert.ok(error instanceof SseParseError, `${error}`);
    seen.push({ failed: error.maxEventBytes });
  }
  return seen;
}

/** The interpretation of the standard, on the whole stream and sentence by sentence. */
function interpreted(bytes: Uint8Array): Seen[] {
  const seen: Seen[] = [];
  let dataBuffer = "";
  let eventTypeBuffer = "";
  let lastEventIdBuffer = "";
  let lastEventIdString = "";
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/);
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (lastEventIdString !== lastEventIdBuffer) seen.push({ newId: lastEventIdBuffer });
      lastEventIdString = lastEventIdBuffer;
      if (dataBuffer !== "") {
        if (dataBuffer.endsWith("\n")) dataBuffer = dataBuffer.slice(0, -1);
        const event = eventTypeBuffer || "message";
        seen.push({ event, data: dataBuffer, lastEventId: lastEventIdString });
      }
      dataBuffer = "";
      eventTypeBuffer = "";
    } else if (line.startsWith(":")) {
      seen.push({ comment: line.slice(1).replace(/^ /, "") });
    } else {
      const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      const text = value ?? "";
      if (field === "event") eventTypeBuffer = text;
      else if (field === "data") dataBuffer += `${text}\n`;
      else if (field === "id" && !text.includes("\0")) lastEventIdBuffer = text;
      else if (field === "retry" && /^[0-9]+$/.test(text)) seen.push({ retryMs: Number(text) });
    }
  }
  return seen;
}

const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 });
const lineEnd = fc.constantFrom("\n", "\r", "\r\n");
const field = fc.constantFrom("data", "event", "id", "retry", "", "datas", "\ufeffdata", "\ufeff");
const value = fc.oneof(
  fc.constantFrom("", " ", "12", "0", "a b", "é€😀", "\0", ":", "\ufeff", "\ufffd"),
  fc.string({ unit: "binary", maxLength: 8 }),
);

/** Bytes that come near to what the grammar allows, and any others. */
const streams = fc.oneof(
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.tuple(field, fc.constantFrom(":", ": ", ""), value, lineEnd) },
      { weight: 3, arbitrary: fc.tuple(lineEnd) },
      { weight: 1, arbitrary: fc.tuple(value) },
    ),
    { maxLength: 25 },
  ).map((lines) => bytesOf(lines.flat().join(""))),
  fc.array(
    fc.oneof(
      fc.constantFrom(...bytesOf("data:id \n\r\0")),
      fc.constantFrom(0x0a, 0x0d, 0xef, 0xbb, 0xbf, 0xe2, 0x82, 0xf0, 0xff, 0x80),
      fc.integer({ min: 0, max: 255 }),
    ),
    { maxLength: 60 },
  ).map((bytes) => new Uint8Array(bytes)),
);

Deno.test("parseSse() reads any bytes, however they are cut, as the standard says", async () => {
  await fc.assert(
    fc.asyncProperty(streams, sizes, async (bytes, sizes) => {
      assert.deepEqual(await parsed(inChunks(bytes, sizes), Infinity), interpreted(bytes));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("parseSse() fails at the same place however the bytes are cut", async () => {
  const limits = fc.integer({ min: 1, max: 30 });
  await fc.assert(
    fc.asyncProperty(streams, sizes, limits, async (bytes, sizes, maxEventBytes) => {
      const whole = await parsed(inChunks(bytes, []), maxEventBytes);
      assert.deepEqual(await parsed(inChunks(bytes, sizes), maxEventBytes), whole);
    }),
    { numRuns: 2_000 },
  );
});

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom("\n", "\r", "\r\n", " ", ":", "a", "é", "\ufeff", "\0") }),
);
const lineOfText = text.map((text) => text.replaceAll(/[\r\n]/g, ""));
const events = fc.array(
  fc.record({
    event: lineOfText,
    id: lineOfText.map((text) => text.replaceAll("\0", "")),
    data: text,
    retryMs: fc.nat(),
  }, { requiredKeys: ["data"] }),
  { maxLength: 8 },
);

Deno.test("encodeSseEvent() and parseSse() give the same events with LF as line end", async () => {
  await fc.assert(
    fc.asyncProperty(events, sizes, async (events, sizes) => {
      const bytes = bytesOf(events.map((event: SseEvent) => encodeSseEvent(event)).join(""));
      let lastEventId = "";
      const expected = events.map(({ event, data, id }: SseEvent) => ({
        event: event || "message",
        data: data.replaceAll(/\r\n?/g, "\n"),
        lastEventId: lastEventId = id ?? lastEventId,
      }));
      const retries: number[] = [];
      const onRetry = (retryMs: number) => retries.push(retryMs);
      const received = await Array.fromAsync(parseSse(inChunks(bytes, sizes), { onRetry }));
      assert.deepEqual(received, expected);
      assert.deepEqual(retries, events.flatMap(({ retryMs }: SseEvent) => retryMs ?? []));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("encodeSseComment() is never read as an event", async () => {
  await fc.assert(
    fc.asyncProperty(text, async (text) => {
      const seen = await parsed(inChunks(bytesOf(encodeSseComment(text)), []), Infinity);
      const lines = text.split(/\r\n|\r|\n/);
      assert.deepEqual(seen, lines.map((comment) => ({ comment })));
    }),
  );
});
