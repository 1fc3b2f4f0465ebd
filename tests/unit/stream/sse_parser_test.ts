import assert from "node:assert/strict";
import { parseSse, type SseMessage, SseParseError } from "../../../src/stream/mod.ts";
import { bytesOf, inChunks, inSingleBytes } from "./bytes.ts";

function message(data: string, rest: Partial<SseMessage> = {}): SseMessage {
  return { event: "message", lastEventId: "", data, ...rest };
}

const streams: [name: string, stream: string, messages: SseMessage[]][] = [
  ["nothing from an empty stream", "", []],
  ["data with a space", "data: a\n\n", [message("a")]],
  ["data without a space", "data:a\n\n", [message("a")]],
  ["data with one space removed", "data:  a \n\n", [message(" a ")]],
  ["several data lines as one text", "data: a\ndata\ndata: b\n\n", [message("a\n\nb")]],
  ["CR line ends", "data: a\rdata: b\r\r", [message("a\nb")]],
  ["CRLF line ends", "data: a\r\ndata: b\r\n\r\n", [message("a\nb")]],
  ["mixed line ends", "data: a\rdata: b\ndata: c\r\n\n", [message("a\nb\nc")]],
  ["an LF and a CR as two line ends", "data: a\n\rdata: b\n\n", [message("a"), message("b")]],
  ["empty data", "data\n\ndata:\n\ndata: \n\n", [message(""), message(""), message("")]],
  ["no event without data", "event: a\nid: 1\n\n\n\n", []],
  ["the name of one event only", "event: a\ndata: 1\n\ndata: 2\n\n", [
    message("1", { event: "a" }),
    message("2"),
  ]],
  ["no name from an event without data", "event: a\n\ndata: 1\n\n", [message("1")]],
  ["an empty name as message", "event: a\nevent:\ndata: 1\n\n", [message("1")]],
  ["an id that holds until the next one", "id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n", [
    message("a", { lastEventId: "1" }),
    message("b", { lastEventId: "1" }),
    message("c", { lastEventId: "2" }),
  ]],
  ["an id of an event without data", "id: 1\n\ndata: a\n\n", [message("a", { lastEventId: "1" })]],
  ["an empty id", "id: 1\ndata: a\n\nid\ndata: b\n\n", [
    message("a", { lastEventId: "1" }),
    message("b"),
  ]],
  ["no id with U+0000", "id: 1\nid: 2\0\ndata: a\n\n", [message("a", { lastEventId: "1" })]],
  ["no comments", ": a\n:\ndata: 1\n:b\n\n", [message("1")]],
  ["no unknown fields", "x: 1\ndata : 2\n data: 3\nData: 4\nx\ndata: 5\n\n", [message("5")]],
  ["a value with colons", "data: a: b:c\n\n", [message("a: b:c")]],
  ["no BOM", "\ufeffdata: a\n\n", [message("a")]],
  ["one BOM only", "\ufeff\ufeffdata: a\n\ndata: b\n\n", [message("b")]],
  ["a BOM that is not the first character", "\n\ufeffdata: a\ndata: \ufeff\n\n", [
    message("\ufeff"),
  ]],
  ["a BOM on a line of its own", "\ufeff\ndata: a\n\n", [message("a")]],
  ["characters of one to four bytes", "data: aé€😀\n\n", [message("aé€😀")]],
  ["no event that the end leaves incomplete", "data: a\n\ndata: b\n", [message("a")]],
  ["no line that the end leaves incomplete", "data: a\n\ndata: b", [message("a")]],
];

for (const [name, stream, messages] of streams) {
  Deno.test(`parseSse() reads ${name}`, async () => {
    assert.deepEqual(await Array.fromAsync(parseSse(inChunks(bytesOf(stream), []))), messages);
  });
  Deno.test(`parseSse() reads ${name}, byte by byte`, async () => {
    assert.deepEqual(await Array.fromAsync(parseSse(inSingleBytes(bytesOf(stream)))), messages);
  });
}

Deno.test("parseSse() gives an event before the next chunk when it ends in a CR", async () => {
  const next = Promise.withResolvers<void>();
  async function* chunks() {
    yield bytesOf("data: a\r\r");
    await next.promise;
    yield bytesOf("\ndata: b\n\n");
  }
  const messages = parseSse(chunks());
  assert.deepEqual(await messages.next(), { done: false, value: message("a") });
  next.resolve();
  assert.deepEqual(await messages.next(), { done: false, value: message("b") });
  await messages.return?.();
});

Deno.test("parseSse() replaces bytes that are not UTF-8", async () => {
  const bytes = new Uint8Array([...bytesOf("data: a"), 0xff, 0xe2, 0x82, ...bytesOf("\n\n")]);
  assert.deepEqual(await Array.fromAsync(parseSse(inSingleBytes(bytes))), [
    message("a\ufffd\ufffd"),
  ]);
});

Deno.test("parseSse() starts from the lastEventId that it is given", async () => {
  const stream = inChunks(bytesOf("data: a\n\nid\ndata: b\n\n"), []);
  assert.deepEqual(await Array.fromAsync(parseSse(stream, { lastEventId: "7" })), [
    message("a", { lastEventId: "7" }),
    message("b"),
  ]);
});

Deno.test("parseSse() reports what is beside the events in the order of the stream", async () => {
  const seen: string[] = [];
  const stream = bytesOf(
    ":one\n:  two\nretry: 100\ndata: a\n\nid: 1\n\nid: 2\ndata: b\n\nid: 2\n\n: end\n",
  );
  const messages = parseSse(inChunks(stream, []), {
    onBytes: (byteCount) => seen.push(`bytes ${byteCount}`),
    onComment: (text) => seen.push(`comment ${text}`),
    onRetry: (retryMs) => seen.push(`retry ${retryMs}`),
    onLastEventId: (id) => seen.push(`id ${id}`),
  });
  for await (const { data } of messages) seen.push(`data ${data}`);
  assert.deepEqual(seen, [
    `bytes ${stream.length}`,
    "comment one",
    "comment  two",
    "retry 100",
    "data a",
    "id 1",
    "id 2",
    "data b",
    "comment end",
  ]);
});

for (const value of ["", " ", "-1", "1.5", "1e3", "0x1", "1 ", "  1", "١", "9".repeat(20)]) {
  Deno.test(`parseSse() ignores the reconnection time ${JSON.stringify(value)}`, async () => {
    const seen: number[] = [];
    const stream = inChunks(bytesOf(`retry: ${value}\ndata: a\n\n`), []);
    await Array.fromAsync(parseSse(stream, { onRetry: (retryMs) => seen.push(retryMs) }));
    assert.deepEqual(seen, []);
  });
}

const sizes: [name: string, stream: string, dataBefore: string[] | undefined][] = [
  ["an event of just the size", "data: 789\n\ndata: 789\n\n", undefined],
  ["an event that is larger", "data: 1\n\ndata: 7890\n\n", ["1"]],
  ["an event whose lines are larger together", "data: 1\n\nid: 4\ndata:6\n\n", ["1"]],
  ["an event larger in bytes than in characters", "data: 1\n\ndata: €€\n\n", ["1"]],
  ["a line that does not end", "data: 1\n\ndata: 7890", ["1"]],
  ["a comment that is larger", "data: 1\n\n: 34567890\n", ["1"]],
  ["many comments within an event", ": 34567\n: 34567\ndata: 789\n: \n\n", undefined],
];

for (const [name, stream, dataBefore] of sizes) {
  for (const [cut, chunks] of [["at once", inChunks], ["byte by byte", inSingleBytes]] as const) {
    Deno.test(`parseSse() with maxEventBytes reads ${name}, ${cut}`, async () => {
      const data: string[] = [];
      const read = async () => {
        const source = chunks(bytesOf(stream), []);
        for await (const event of parseSse(source, { maxEventBytes: 9 })) data.push(event.data);
      };
      if (dataBefore === undefined) return await read();
      await assert.rejects(read, (error) => {
        assert.ok(error instanceof SseParseError);
        assert.equal(error.code, "sse_parse");
        assert.equal(error.name, "SseParseError");
        assert.equal(error.maxEventBytes, 9);
        return true;
      });
      assert.deepEqual(data, dataBefore);
    });
  }
}

Deno.test("parseSse() with maxEventBytes counts U+FFFD for bytes that are not UTF-8", async () => {
  const bytes = new Uint8Array([...bytesOf("data:67"), 0xff, ...bytesOf("\n\n")]);
  const read = (maxEventBytes: number) =>
    Array.fromAsync(parseSse(inChunks(bytes, []), { maxEventBytes }));
  assert.deepEqual(await read(10), [message("67\ufffd")]);
  await assert.rejects(read(9), SseParseError);
});

Deno.test("parseSse() accepts an event of 1 MiB and no more by default", async () => {
  const largest = "x".repeat(1_048_576 - "data:".length);
  const [event] = await Array.fromAsync(parseSse(inChunks(bytesOf(`data:${largest}\n\n`), [])));
  assert.equal(event?.data, largest);
  await assert.rejects(
    Array.fromAsync(parseSse(inChunks(bytesOf(`data:${largest}x\n\n`), []))),
    SseParseError,
  );
});

Deno.test("parseSse() accepts any size with maxEventBytes Infinity", async () => {
  const data = "x".repeat(2_000_000);
  const stream = inChunks(bytesOf(`data:${data}\n\n`), [1_500_000]);
  const [event] = await Array.fromAsync(parseSse(stream, { maxEventBytes: Infinity }));
  assert.equal(event?.data, data);
});

for (const maxEventBytes of [0, -1, 1.5, NaN, -Infinity]) {
  Deno.test(`parseSse() refuses maxEventBytes ${maxEventBytes}`, () => {
    assert.throws(() => parseSse(inChunks(bytesOf(""), []), { maxEventBytes }), RangeError);
  });
}

/** An endless stream that notices how it is left. */
function endless(text: string) {
  const left: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytesOf(text)),
    cancel: (reason) => void left.push(reason),
  }, { highWaterMark: 0 });
  return { stream, left };
}

Deno.test("parseSse() cancels a stream when its loop is left early", async () => {
  const { stream, left } = endless("data: a\n\n");
  for await (const _ of parseSse(stream)) break;
  assert.deepEqual(left, [undefined]);
});

Deno.test("parseSse() cancels a stream when an event is too large", async () => {
  const { stream, left } = endless("data: a\n");
  await assert.rejects(Array.fromAsync(parseSse(stream, { maxEventBytes: 50 })), SseParseError);
  assert.equal(left.length, 1);
});

Deno.test("parseSse() runs the finally of a generator when its loop is left early", async () => {
  let ended = false;
  async function* chunks() {
    try {
      yield bytesOf("data: a\n\ndata: b\n\n");
    } finally {
      ended = true;
    }
  }
  for await (const _ of parseSse(chunks())) break;
  assert.equal(ended, true);
});

Deno.test("parseSse() cancels a stream at once when it is left while a next() is pending", async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel: () => {
      cancelled = true;
    },
  });
  const messages = parseSse(stream);
  const pending = messages.next();
  const left = messages.return?.();
  assert.equal(cancelled, true);
  assert.deepEqual(await pending, { done: true, value: undefined });
  assert.deepEqual(await left, { done: true, value: undefined });
});

Deno.test("parseSse() cancels a stream that it is left before reading", async () => {
  const { stream, left } = endless("data: a\n\n");
  await parseSse(stream).return?.();
  assert.equal(left.length, 1);
});

Deno.test("parseSse() does not return an iterator that has ended", async () => {
  let returned = 0;
  const source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: true, value: undefined }),
      return: () => {
        returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const messages = parseSse(source);
  await messages.next();
  await messages.return?.();
  assert.equal(returned, 0);
});

Deno.test("parseSse() passes on an error of the source after the events before it", async () => {
  const failure = new Error("connection reset");
  async function* chunks() {
    yield bytesOf("data: a\n\ndata: b");
    throw failure;
  }
  const messages = parseSse(chunks());
  assert.deepEqual(await messages.next(), { done: false, value: message("a") });
  await assert.rejects(messages.next(), (error) => error === failure);
  assert.deepEqual(await messages.next(), { done: true, value: undefined });
});

Deno.test("parseSse() throws what a callback throws and cancels the stream", async () => {
  const failure = new Error("callback");
  const { stream, left } = endless("retry: 1\n");
  const messages = parseSse(stream, {
    onRetry: () => {
      throw failure;
    },
  });
  await assert.rejects(messages.next(), (error) => error === failure);
  assert.equal(left.length, 1);
});

Deno.test("parseSse() throws the parse error when cancelling fails as well", async () => {
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytesOf("data: a\n")),
    cancel: () => Promise.reject(new Error("cancel")),
  });
  await assert.rejects(parseSse(stream, { maxEventBytes: 1 }).next(), SseParseError);
});
