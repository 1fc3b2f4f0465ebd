import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { textBuffer, toBuffer } from "../../../src/kafka/buffers.ts";

Deno.test("toBuffer() gives the same bytes, those of a part of something larger too", () => {
  const part = new Uint8Array([0, 1, 255, 3, 0]).subarray(1, 4);
  const buffer = toBuffer(part);
  assert.ok(Buffer.isBuffer(buffer));
  assert.deepEqual([...buffer], [1, 255, 3]);
});

Deno.test("textBuffer() writes UTF-8", () => {
  assert.deepEqual([...textBuffer("ß")], [0xc3, 0x9f]);
});
