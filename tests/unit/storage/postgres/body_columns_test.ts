import assert from "node:assert/strict";
import { bodyOf, textOf } from "../../../../src/storage/postgres/body_columns.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("textOf() gives the text of bytes in UTF-8", () => {
  for (const text of ["", "plain", "é 🛟 \u2028 \ufffd", '{"a":"\\u0000"}', "\n\r\t\x01\x7f"]) {
    assert.equal(textOf(bytes(text)), text);
  }
});

Deno.test("textOf() gives none for bytes that would not come back as they are", () => {
  const odd: readonly Uint8Array[] = [
    Uint8Array.of(0),
    bytes("a\0b"),
    Uint8Array.of(0xff),
    Uint8Array.of(0xed, 0xa0, 0x80), // half a pair
    Uint8Array.of(0xc0, 0x80), // a zero in disguise
    bytes("\ufeffwith a byte order mark"),
  ];
  for (const body of odd) assert.equal(textOf(body), undefined);
});

Deno.test("bodyOf() gives the bytes of text, or of base 64 in lines", () => {
  assert.deepEqual(bodyOf({ text: "é", bytes: null }), bytes("é"));
  assert.deepEqual(bodyOf({ text: "", bytes: null }), new Uint8Array(0));
  assert.deepEqual(bodyOf({ text: null, bytes: "AP+A\nXCI=" }), Uint8Array.of(0, 255, 128, 92, 34));
  assert.throws(() => bodyOf({ text: null, bytes: null }), TypeError);
});
