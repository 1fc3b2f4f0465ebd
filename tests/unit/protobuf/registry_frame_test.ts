import assert from "node:assert/strict";
import fc from "fast-check";
import { readHead, writeHead } from "../../../src/protobuf/registry_frame.ts";

/** Heads as Confluent's own serialisers write them, each with its bytes. */
const heads: readonly (readonly [id: number, path: number[], bytes: number[]])[] = [
  [1, [0], [0, 0, 0, 0, 1, 0]], // the first message of a file has a short form
  [2, [1], [0, 0, 0, 0, 2, 2, 2]],
  [2, [0, 1], [0, 0, 0, 0, 2, 4, 0, 2]],
  [2, [0, 1, 0], [0, 0, 0, 0, 2, 6, 0, 2, 0]],
  [0x01020304, [2], [0, 1, 2, 3, 4, 2, 4]],
  [7, [64], [0, 0, 0, 0, 7, 2, 0x80, 0x01]], // in zigzag, 64 is 128
  [7, [0, 0], [0, 0, 0, 0, 7, 4, 0, 0]], // only one index has the short form
];

Deno.test("writeHead() writes the bytes that other serialisers write", () => {
  for (const [schemaId, messagePath, bytes] of heads) {
    assert.deepEqual([...writeHead({ schemaId, messagePath })], bytes);
  }
});

Deno.test("readHead() reads the bytes that other serialisers write, and says where the message starts", () => {
  for (const [schemaId, messagePath, bytes] of heads) {
    const read = readHead(new Uint8Array([...bytes, 9, 9]));
    assert.deepEqual(read, { schemaId, messagePath, end: bytes.length });
  }
});

Deno.test("readHead() reads bytes that stand within others", () => {
  const around = new Uint8Array([9, 9, 0, 0, 0, 1, 0, 2, 4, 9]);
  assert.deepEqual(readHead(around.subarray(2)), { schemaId: 256, messagePath: [2], end: 7 });
});

Deno.test("readHead() reads the long form of what has a short one", () => {
  const read = readHead(new Uint8Array([0, 0, 0, 0, 1, 2, 0]));
  assert.deepEqual(read, { schemaId: 1, messagePath: [0], end: 7 });
});

Deno.test("readHead() gives back what writeHead() was given", () => {
  const head = fc.record({
    schemaId: fc.nat(),
    messagePath: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
  });
  fc.assert(fc.property(head, ({ schemaId, messagePath }) => {
    const bytes = writeHead({ schemaId, messagePath });
    assert.deepEqual(readHead(bytes), { schemaId, messagePath, end: bytes.length });
  }));
});

Deno.test("readHead() refuses bytes that start with anything but 0", () => {
  for (const bytes of [[1, 0, 0, 0, 1, 0], [0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d]]) {
    assert.throws(() => readHead(new Uint8Array(bytes)), {
      name: "TypeError",
      message: `Cannot read a frame of a schema registry as it starts with ${bytes[0]}`,
    });
  }
});

Deno.test("readHead() refuses a head that is cut, wherever", () => {
  const whole = [0, 0, 0, 0, 2, 6, 0, 0x80, 0x01, 0];
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readHead(new Uint8Array(whole.slice(0, length))), {
      name: "TypeError",
      message: length < 6
        ? `Cannot read a frame of a schema registry from ${length} bytes`
        : "Cannot read a frame of a schema registry as its message index is broken",
    });
  }
});

Deno.test("readHead() refuses numbers that are negative or too long", () => {
  const broken = [[1, 0], [2, 1], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], [
    0xff,
    0xff,
    0xff,
    0xff,
  ]];
  for (const path of broken) {
    assert.throws(() => readHead(new Uint8Array([0, 0, 0, 0, 1, ...path])), {
      message: "Cannot read a frame of a schema registry as its message index is broken",
    });
  }
});
