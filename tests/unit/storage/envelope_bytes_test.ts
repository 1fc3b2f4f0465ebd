import assert from "node:assert/strict";
import fc from "fast-check";
import type { Envelope } from "../../../src/message/mod.ts";
import { decodeEnvelopes, encodeEnvelopes, SchemaVersionError } from "../../../src/storage/mod.ts";

const plain: Envelope = {
  id: "m1",
  type: "noted",
  topic: "notes",
  source: "/tests",
  time: new Date("2026-01-02T03:04:05.678Z"),
  key: undefined,
  correlationId: "m1",
  causationId: undefined,
  traceparent: undefined,
  schemaVersion: undefined,
  contentType: "application/json",
  headers: {},
  body: new TextEncoder().encode('{"text":"hello"}'),
};

const text = fc.string({ unit: "binary" });
const optionalText = fc.option(text, { nil: undefined });
const envelopes: fc.Arbitrary<Envelope> = fc.record({
  id: text,
  type: text,
  topic: text,
  source: text,
  time: fc.date({ noInvalidDate: true }),
  key: optionalText,
  correlationId: text,
  causationId: optionalText,
  traceparent: optionalText,
  schemaVersion: optionalText,
  contentType: text,
  headers: fc.dictionary(text, text, { noNullPrototype: true }),
  body: fc.uint8Array({ maxLength: 300 }),
}, { noNullPrototype: true });

Deno.test("decodeEnvelopes() gives what encodeEnvelopes() was given", () => {
  fc.assert(fc.property(fc.array(envelopes, { maxLength: 5 }), (all) => {
    assert.deepEqual(decodeEnvelopes(encodeEnvelopes(all)), all);
  }));
});

Deno.test("decodeEnvelopes() reads bytes that are a part of others, and copies none of them", () => {
  const bytes = encodeEnvelopes([plain]);
  const buffer = new Uint8Array(bytes.length + 20);
  buffer.set(bytes, 7);
  const [envelope] = decodeEnvelopes(buffer.subarray(7, 7 + bytes.length));
  assert.deepEqual(envelope, plain);
  assert.equal(envelope?.body.buffer, buffer.buffer);
});

Deno.test("encodeEnvelopes() takes little more than the bodies", () => {
  const size = encodeEnvelopes(Array.from({ length: 100 }, () => plain)).length;
  assert.ok(size / 100 - plain.body.length < 90, `${size / 100}`);
});

Deno.test("encodeEnvelopes() refuses a time that is none", () => {
  assert.throws(() => encodeEnvelopes([{ ...plain, time: new Date(NaN) }]), RangeError);
});

Deno.test("decodeEnvelopes() refuses what a newer version has written", () => {
  const bytes = encodeEnvelopes([plain]);
  bytes[2] = 2;
  assert.throws(
    () => decodeEnvelopes(bytes),
    (error) => error instanceof SchemaVersionError && error.found === 2 && error.supported === 1,
  );
});

Deno.test("decodeEnvelopes() takes no bytes of others for a newer version", () => {
  for (const others of ["", "n", "nonsense", "{}", "\xff\xff\xff"]) {
    const bytes = Uint8Array.from(others, (character) => character.charCodeAt(0));
    assert.throws(() => decodeEnvelopes(bytes), TypeError, others);
  }
  assert.throws(() => decodeEnvelopes(Uint8Array.of(0xc0, 0x5c, 0)), TypeError);
});

Deno.test("decodeEnvelopes() refuses bytes that are cut off, at each place but between two messages", () => {
  const bytes = encodeEnvelopes([plain, plain]);
  const whole = [3, 3 + (bytes.length - 3) / 2, bytes.length];
  for (let length = 0; length <= bytes.length; length++) {
    const decode = () => decodeEnvelopes(bytes.subarray(0, length)).length;
    if (whole.includes(length)) assert.equal(decode(), whole.indexOf(length));
    else assert.throws(decode, TypeError, `${length} bytes`);
  }
});

Deno.test("decodeEnvelopes() refuses what is no message, and nothing else than with an error of its own", () => {
  const bytesOf = (attributes: string) => {
    const encoded = new TextEncoder().encode(attributes);
    return Uint8Array.of(0xc0, 0x5c, 1, 0, 0, 0, encoded.length, 0, 0, 0, 0, ...encoded);
  };
  const right = '["i","t","o","s",0,"c",null,{"a":"b"}]';
  assert.equal(decodeEnvelopes(bytesOf(right)).length, 1);
  const wrong = [
    "1",
    "{}",
    "[]",
    '[1,"t","o","s",0,"c"]',
    '["i","t","o","s","never","c"]',
    '["i","t","o","s",0,"c",1]',
    '["i","t","o","s",0,"c",null,"h"]',
    '["i","t","o","s",0,"c",null,["h"]]',
    '["i","t","o","s",0,"c",null,{"a":null}]',
    '["i","t","o","s",0,"c",null,null,2]',
  ];
  for (const attributes of wrong) {
    assert.throws(() => decodeEnvelopes(bytesOf(attributes)), TypeError, attributes);
  }
  assert.throws(() => decodeEnvelopes(bytesOf("[")), SyntaxError);
});
