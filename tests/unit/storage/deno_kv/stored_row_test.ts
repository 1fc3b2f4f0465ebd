import type { Envelope } from "@sluice/cqrs";
import fc from "fast-check";
import assert from "node:assert/strict";
import { CHUNK_BYTES, MAX_ROW_BYTES } from "../../../../src/storage/deno_kv/limits.ts";
import {
  attemptsIn,
  chunksIn,
  encodeRow,
  envelopeIn,
  isRow,
  storedAtMsIn,
  withAttempts,
} from "../../../../src/storage/deno_kv/stored_row.ts";
import { messageOf } from "./support.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const maybe = fc.option(text, { nil: undefined });
const envelopes: fc.Arbitrary<Envelope> = fc.record({
  id: text,
  type: text,
  topic: text,
  source: text,
  time: fc.date({ noInvalidDate: true }),
  key: maybe,
  correlationId: text,
  causationId: maybe,
  traceparent: maybe,
  schemaVersion: maybe,
  contentType: text,
  headers: fc.dictionary(text, text, { maxKeys: 4 }),
  body: fc.uint8Array({ maxLength: 100 }),
});

Deno.test("envelopeIn() gives what encodeRow() was given", () => {
  fc.assert(fc.property(envelopes, fc.nat(), (envelope, storedAtMs) => {
    const { bytes, chunks } = encodeRow(envelope, storedAtMs);
    assert.deepEqual(chunks, []);
    const { headers, ...found } = envelopeIn(bytes) ?? messageOf("none");
    const { headers: expected, ...rest } = envelope;
    assert.deepEqual(found, rest);
    assert.deepEqual({ ...headers }, { ...expected });
    assert.equal(attemptsIn(bytes), 0);
    assert.equal(chunksIn(bytes), 0);
    assert.equal(storedAtMsIn(bytes), storedAtMs);
  }));
});

Deno.test("envelopeIn() gives the id as the correlation id where that was the same", () => {
  const { bytes } = encodeRow(messageOf("a1", { correlationId: "a1" }), 0);
  const other = encodeRow(messageOf("a1", { correlationId: "b1" }), 0);
  assert.equal(envelopeIn(bytes)?.correlationId, "a1");
  assert.equal(envelopeIn(other.bytes)?.correlationId, "b1");
});

Deno.test("withAttempts() changes the attempts of a copy and nothing else", () => {
  const { bytes } = encodeRow(messageOf("a1"), 7);
  const before = new Uint8Array(bytes);
  const again = withAttempts(bytes, 70_000);
  assert.deepEqual(bytes, before);
  assert.equal(attemptsIn(again), 70_000);
  assert.deepEqual(envelopeIn(again), envelopeIn(bytes));
  assert.deepEqual(withAttempts(again, 0), before);
});

Deno.test("encodeRow() keeps a body beside the attributes while a value has room for both", () => {
  const room = MAX_ROW_BYTES -
    encodeRow(messageOf("a1", { body: new Uint8Array(0) }), 0).bytes.length;
  const fits = encodeRow(messageOf("a1", { body: new Uint8Array(room) }), 0);
  assert.equal(fits.bytes.length, MAX_ROW_BYTES);
  assert.equal(fits.chunks.length, 0);
  const parted = encodeRow(messageOf("a1", { body: new Uint8Array(room + 1) }), 0);
  assert.equal(parted.bytes.length, MAX_ROW_BYTES - room);
  assert.equal(parted.chunks.length, 1);
  assert.equal(chunksIn(parted.bytes), 1);
});

Deno.test("encodeRow() parts a large body into values that share no memory with it", () => {
  const body = new Uint8Array(2 * CHUNK_BYTES + 1).map((_, n) => n % 251);
  const { chunks } = encodeRow(messageOf("a1", { body }), 0);
  assert.deepEqual(chunks.map(({ length }) => length), [CHUNK_BYTES, CHUNK_BYTES, 1]);
  assert.deepEqual(chunks.map(({ buffer }) => buffer.byteLength), [CHUNK_BYTES, CHUNK_BYTES, 1]);
  assert.deepEqual(chunks.flatMap((chunk) => [...chunk]), [...body]);
});

Deno.test("encodeRow() refuses attributes that fit in no value, and a time that is none", () => {
  const headers = { large: "x".repeat(MAX_ROW_BYTES) };
  assert.throws(() => encodeRow(messageOf("a1", { headers }), 0), {
    code: "transaction_too_large",
    limit: "valueBytes",
    max: MAX_ROW_BYTES,
  });
  assert.throws(() => encodeRow(messageOf("a1", { time: new Date(NaN) }), 0), RangeError);
});

Deno.test("envelopeIn() gives nothing of what makes no sense, however little of it is wrong", () => {
  const { bytes } = encodeRow(messageOf("a1"), 0);
  const nonsense: unknown[] = [undefined, null, 7, "text", {}, [], new Uint8Array(0), true];
  nonsense.push(bytes.subarray(0, 18), bytes.subarray(0, 30), new Uint8Array(200));
  nonsense.push(new Uint8Array(bytes).fill(2, 0, 1)); // another version
  nonsense.push(new Uint8Array(bytes).fill(0xff, 15, 19)); // attributes behind the end
  for (const value of nonsense) assert.equal(envelopeIn(value), undefined);
  assert.equal(isRow(undefined), false);
});

Deno.test("envelopeIn() gives nothing of attributes of other types", () => {
  const right: unknown[] = [
    "id",
    "type",
    "topic",
    "/",
    0,
    "text/plain",
    "key",
    { a: "b" },
    "c",
    "d",
    "e",
    "f",
  ];
  const rowOf = (attributes: unknown) => {
    const json = new TextEncoder().encode(
      typeof attributes === "string" ? attributes : JSON.stringify(attributes),
    );
    const bytes = new Uint8Array(19 + json.length);
    bytes[0] = 1;
    new DataView(bytes.buffer).setUint32(15, json.length);
    bytes.set(json, 19);
    return bytes;
  };
  assert.equal(envelopeIn(rowOf(right))?.key, "key");
  assert.equal(envelopeIn(rowOf(right.slice(0, 6)))?.key, undefined);
  for (const n of right.keys()) {
    for (const wrong of [7.5, true, ["x"], { a: 1 }]) {
      if (n === 4 && wrong === 7.5) continue;
      assert.equal(envelopeIn(rowOf(right.with(n, wrong))), undefined);
    }
    if (n < 6) assert.equal(envelopeIn(rowOf(right.with(n, null))), undefined);
  }
  for (const wrong of ["{}", "null", "[]", "[1", "nonsense", "7"]) {
    assert.equal(envelopeIn(rowOf(wrong)), undefined);
  }
});

Deno.test("envelopeIn() gives nothing for any bytes that are broken", () => {
  const { bytes } = encodeRow(messageOf("a1"), 0);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(bytes.length), (noise, at) => {
    const broken = new Uint8Array(bytes);
    broken.set(noise.subarray(0, broken.length - at), at);
    envelopeIn(broken); // it may be a message still, but never throws
    envelopeIn(noise);
  }));
});
