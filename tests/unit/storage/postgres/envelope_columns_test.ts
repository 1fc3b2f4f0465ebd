import assert from "node:assert/strict";
import type { Envelope } from "../../../../src/message/mod.ts";
import {
  attributesOf,
  brokenEnvelopeOf,
  envelopeOf,
} from "../../../../src/storage/postgres/envelope_columns.ts";

const envelope: Envelope = {
  id: "1",
  type: "noted",
  topic: "notes",
  source: "/tests",
  time: new Date("2026-01-02T03:04:05.678Z"),
  key: "k",
  correlationId: "c",
  causationId: "d",
  traceparent: "e",
  schemaVersion: "2",
  contentType: "text/plain",
  headers: { tenant: "t" },
  body: new TextEncoder().encode("body"),
};

/** The row of an envelope, as it is read. */
function rowOf({ id, type, key }: Envelope, attributes: unknown) {
  return {
    id,
    type,
    key: key ?? null,
    attributes: JSON.stringify(attributes),
    text: "body",
    bytes: null,
  };
}

Deno.test("envelopeOf() gives back what attributesOf() and the columns keep", () => {
  assert.deepEqual(envelopeOf("notes", rowOf(envelope, attributesOf(envelope))), envelope);
  const least: Envelope = {
    ...envelope,
    key: undefined,
    correlationId: "1",
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: undefined,
    headers: {},
  };
  assert.deepEqual(envelopeOf("notes", rowOf(least, attributesOf(least))), least);
});

Deno.test("attributesOf() leaves out what says nothing", () => {
  const { headers: _, correlationId: _c, ...more } = envelope;
  const short = attributesOf({ ...more, correlationId: "1", headers: {} });
  assert.equal(short.correlationId, undefined);
  assert.equal(short.headers, undefined);
});

Deno.test("envelopeOf() throws on attributes that something else has written", () => {
  const right = attributesOf(envelope);
  const wrong: readonly unknown[] = [
    null,
    [],
    7,
    {},
    { ...right, source: 1 },
    { ...right, time: "2026-01-02" },
    { ...right, time: null },
    { ...right, contentType: undefined },
    { ...right, traceparent: 1 },
    { ...right, headers: [] },
    { ...right, headers: null },
    { ...right, headers: { a: 1 } },
  ];
  for (const attributes of wrong) {
    assert.throws(() => envelopeOf("notes", rowOf(envelope, attributes)), TypeError);
  }
  assert.throws(() => envelopeOf("notes", { ...rowOf(envelope, right), text: null }), TypeError);
});

Deno.test("brokenEnvelopeOf() gives what can be told of a row", () => {
  const found = brokenEnvelopeOf("notes", { ...rowOf(envelope, null), text: null });
  assert.deepEqual([found.id, found.topic, found.key, found.type], ["1", "notes", "k", "noted"]);
  assert.equal(found.body.length, 0);
  assert.equal(brokenEnvelopeOf("notes", rowOf(envelope, null)).body.length, 4);
});
