import assert from "node:assert/strict";
import { sameBytes } from "../../../src/hono/constant_time.ts";

/** Bytes that write down which of them were looked at. */
function watched(bytes: readonly number[]) {
  const looks: number[] = [];
  const array: ArrayLike<number> = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) looks.push(Number(key));
      return Reflect.get(target, key);
    },
  });
  return { array, looks };
}

for (
  const [what, a, b, expected] of [
    ["the same", [1, 2, 3, 4], [1, 2, 3, 4], true],
    ["different from the first on", [9, 9, 9, 9], [1, 2, 3, 4], false],
    ["different in the first", [0, 2, 3, 4], [1, 2, 3, 4], false],
    ["different in the last", [1, 2, 3, 5], [1, 2, 3, 4], false],
    ["different in two bits that would cancel out in a sum", [1, 3, 2, 4], [1, 2, 3, 4], false],
    ["a beginning", [1, 2, 3], [1, 2, 3, 4], false],
    ["longer by zeros", [1, 2, 3, 4, 0, 0], [1, 2, 3, 4], false],
    ["empty on one side", [], [0, 0], false],
    ["empty on both sides", [], [], true],
  ] as const
) {
  Deno.test(`sameBytes() looks once at every byte of sequences that are ${what}`, () => {
    const [one, other] = [watched(a), watched(b)];
    assert.equal(sameBytes(one.array, other.array), expected);
    assert.deepEqual(one.looks.filter((i) => i < a.length), [...a.keys()]);
    assert.deepEqual(other.looks.filter((i) => i < b.length), [...b.keys()]);
  });
}

Deno.test("sameBytes() compares bytes of any value", () => {
  for (let byte = 0; byte < 256; byte++) {
    assert.equal(sameBytes(Uint8Array.of(byte), Uint8Array.of(byte)), true);
    assert.equal(sameBytes(Uint8Array.of(byte), Uint8Array.of(byte ^ 1)), false);
    assert.equal(sameBytes(Uint8Array.of(byte), Uint8Array.of(byte ^ 128)), false);
  }
});
