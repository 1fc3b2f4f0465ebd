import assert from "node:assert/strict";
import fc from "fast-check";
import { uuidv7 } from "../../../src/message/uuid.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });

Deno.test("uuidv7() has the shape, version and variant of RFC 9562 at any time", () => {
  fc.assert(fc.property(timeMs, (timeMs) => assert.match(uuidv7(timeMs), UUID_V7)));
});

Deno.test("uuidv7() starts with its time in milliseconds", () => {
  fc.assert(fc.property(timeMs, (timeMs) => {
    const hex = uuidv7(timeMs).replaceAll("-", "").slice(0, 12);
    assert.equal(Number.parseInt(hex, 16), timeMs);
  }));
});

Deno.test("uuidv7() sorts by time", () => {
  fc.assert(fc.property(timeMs, timeMs, (a, b) => {
    fc.pre(a < b);
    assert.ok(uuidv7(a) < uuidv7(b));
  }));
});

Deno.test("uuidv7() does not repeat itself within a millisecond", () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, () => uuidv7(0))).size, 10_000);
});

Deno.test("uuidv7() varies in each of its 74 random bits", () => {
  const ids = Array.from({ length: 200 }, () => BigInt(`0x${uuidv7(0).replaceAll("-", "")}`));
  const fixed = [...Array(48).keys()].map((bit) => 127 - bit).concat([79, 78, 77, 76, 63, 62]);
  for (let bit = 0; bit < 128; bit++) {
    const values = new Set(ids.map((id) => (id >> BigInt(bit)) & 1n));
    assert.equal(values.size, fixed.includes(bit) ? 1 : 2, `bit ${bit}`);
  }
});
