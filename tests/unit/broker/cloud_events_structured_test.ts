import assert from "node:assert/strict";
import { cloudEvents } from "../../../src/broker/mod.ts";
import { context, encoder, wireMessage } from "./wire.ts";

const format = cloudEvents({ prefix: "ce_" });
const least = { specversion: "1.0", id: "m1", source: "/", type: "noted" };

function readText(json: string, contentType = "application/cloudevents+json; charset=utf-8") {
  return format.read(wireMessage({ contentType, body: encoder.encode(json) }), context);
}

function read(event: Record<string, unknown>) {
  const { body, ...envelope } = readText(JSON.stringify({ ...least, ...event }));
  return { ...envelope, text: new TextDecoder().decode(body) };
}

Deno.test("cloudEvents() reads the structured mode", () => {
  assert.deepEqual(
    read({
      time: "2026-02-03T04:05:06Z",
      partitionkey: "k",
      correlationid: "c1",
      sequence: 7,
      sampled: true,
      subject: null,
      data: { total: 5 },
    }),
    {
      id: "m1",
      type: "noted",
      topic: "orders",
      source: "/",
      time: new Date("2026-02-03T04:05:06Z"),
      key: "k",
      correlationId: "c1",
      causationId: undefined,
      traceparent: undefined,
      schemaVersion: undefined,
      contentType: "application/json",
      headers: { "ce_sequence": "7", "ce_sampled": "true" },
      text: '{"total":5}',
    },
  );
});

Deno.test("cloudEvents() takes data out of the structured mode byte for byte", () => {
  const data = '{ "n": 9007199254740993, "f": 1.50, "s": "}\\",{é" }';
  const text = `{"data": ${data} ,"specversion":"1.0","id":"m1","source":"/","type":"noted"}`;
  assert.equal(new TextDecoder().decode(readText(text).body), data);
});

Deno.test("cloudEvents() reads texts and bytes of other media types", () => {
  const text = read({ datacontenttype: "text/plain", data: "mélk" });
  assert.equal(text.contentType, "text/plain");
  assert.equal(text.text, "mélk");
  const bytes = readText(
    JSON.stringify({ ...least, datacontenttype: "application/protobuf", data_base64: "AP+A" }),
  );
  assert.deepEqual(bytes.body, Uint8Array.of(0, 255, 128));
  assert.equal(read({ datacontenttype: "application/vnd.x+json", data: "a" }).text, '"a"');
  assert.equal(read({ datacontenttype: "text/xml", data: { a: 1 } }).text, '{"a":1}');
});

Deno.test("cloudEvents() reads an event without data as an empty body", () => {
  assert.equal(read({}).text, "");
});

Deno.test("cloudEvents() prefers the body of the structured mode to the headers", () => {
  const message = wireMessage({
    contentType: "Application/CloudEvents+JSON",
    headers: { "ce_id": "other", "ce_subject": "other", tenant: "t1" },
    body: encoder.encode(JSON.stringify(least)),
  });
  const envelope = format.read(message, context);
  assert.equal(envelope.id, "m1");
  assert.deepEqual(envelope.headers, { tenant: "t1" });
});

for (const type of ["application/cloudevents-batch+json", "application/cloudevents+avro"]) {
  Deno.test(`cloudEvents() refuses ${type}`, () => {
    assert.throws(() => readText("[]", type), {
      name: "TypeError",
      message: `Cannot read CloudEvents in the form "${type}"`,
    });
  });
}

const broken = {
  "no object": "[]",
  "no JSON": "no",
  "half of an object": '{"specversion":"1.0","id":"m1"',
  "half of a text": '{"specversion":"1.0',
  "nothing": "",
  "another version": JSON.stringify({ ...least, specversion: "0.3" }),
  "no id": JSON.stringify({ ...least, id: null }),
  "an attribute that is an object": JSON.stringify({ ...least, subject: {} }),
};
for (const [name, text] of Object.entries(broken)) {
  Deno.test(`cloudEvents() refuses to read ${name} in the structured mode`, () => {
    assert.throws(() => readText(text), TypeError);
  });
}
