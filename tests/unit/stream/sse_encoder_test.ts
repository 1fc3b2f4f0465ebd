import assert from "node:assert/strict";
import { encodeSseComment, encodeSseEvent, type SseEvent } from "../../../src/stream/mod.ts";

const events: [name: string, event: SseEvent, text: string][] = [
  ["data alone", { data: "one" }, "data: one\n\n"],
  [
    "every field",
    { event: "item", data: "x", id: "r:1", retryMs: 250 },
    "event: item\nid: r:1\nretry: 250\ndata: x\n\n",
  ],
  ["empty data", { data: "" }, "data: \n\n"],
  ["an empty id and event", { event: "", id: "", data: "x" }, "event: \nid: \ndata: x\n\n"],
  [
    "undefined fields",
    { event: undefined, id: undefined, retryMs: undefined, data: "x" },
    "data: x\n\n",
  ],
  [
    "leading spaces",
    { event: " e", id: " i", data: " d\n  e" },
    "event:  e\nid:  i\ndata:  d\ndata:   e\n\n",
  ],
  ["LF in data", { data: "a\nb" }, "data: a\ndata: b\n\n"],
  ["CR in data", { data: "a\rb" }, "data: a\ndata: b\n\n"],
  ["CRLF in data", { data: "a\r\nb" }, "data: a\ndata: b\n\n"],
  ["LF and CR in data", { data: "a\n\rb" }, "data: a\ndata: \ndata: b\n\n"],
  ["line ends around data", { data: "\na\n" }, "data: \ndata: a\ndata: \n\n"],
  ["a replacement pattern in data", { data: "$&\n$1" }, "data: $&\ndata: $1\n\n"],
  [
    "a colon in each field",
    { event: "a:b", id: "c:d", data: "e:f" },
    "event: a:b\nid: c:d\ndata: e:f\n\n",
  ],
  ["U+0000 in event and data", { event: "\0", data: "\0" }, "event: \0\ndata: \0\n\n"],
  ["retryMs 0", { data: "", retryMs: 0 }, "retry: 0\ndata: \n\n"],
];

for (const [name, event, text] of events) {
  Deno.test(`encodeSseEvent() writes ${name}`, () => {
    assert.equal(encodeSseEvent(event), text);
  });
}

const refused: [name: string, event: SseEvent, error: RegExp][] = [
  ["LF in event", { event: "a\nb", data: "" }, /^TypeError: .*: event contains a line end$/],
  ["CR in event", { event: "a\rb", data: "" }, /^TypeError: .*: event contains a line end$/],
  ["LF in id", { id: "a\n", data: "" }, /^TypeError: .*: id contains a line end$/],
  ["CR in id", { id: "\ra", data: "" }, /^TypeError: .*: id contains a line end$/],
  ["U+0000 in id", { id: "a\0", data: "" }, /^TypeError: .*: id contains U\+0000/],
  ...[-1, 1.5, NaN, Infinity, 1e21].map((retryMs): [string, SseEvent, RegExp] => [
    `retryMs ${retryMs}`,
    { data: "", retryMs },
    /^RangeError: .*: retryMs must be a non-negative integer, got /,
  ]),
];

for (const [name, event, error] of refused) {
  Deno.test(`encodeSseEvent() refuses ${name}`, () => {
    assert.throws(() => encodeSseEvent(event), error);
  });
}

const comments: [name: string, text: string, encoded: string][] = [
  ["one line", "keep-alive", ": keep-alive\n\n"],
  ["several lines", "a\nb\rc\r\nd", ": a\n: b\n: c\n: d\n\n"],
  ["no text", "", ": \n\n"],
  ["a leading space", " a", ":  a\n\n"],
];

for (const [name, text, encoded] of comments) {
  Deno.test(`encodeSseComment() writes ${name}`, () => {
    assert.equal(encodeSseComment(text), encoded);
  });
}
