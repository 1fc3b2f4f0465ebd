import { CloudEvent, HTTP, Kafka, type KafkaMessage, type Message } from "cloudevents";
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { cloudEvents } from "../../../src/broker/mod.ts";
import { context, encoder, placed, wireMessage } from "./wire.ts";

const kafka = cloudEvents({ prefix: "ce_" });
const http = cloudEvents({ prefix: "ce-" });

/** What the SDK sends. */
const noted = new CloudEvent({
  id: "m1",
  source: "/notes",
  type: "noted",
  subject: "n/1",
  time: "2026-02-03T04:05:06.000Z",
  datacontenttype: "application/json",
  dataschema: "https://schemas.example/noted",
  partitionkey: "n1",
  correlationid: "c1",
  data: { text: "Käse" },
});

/** What the library is to make of it. */
function expectNoted(envelope: ReturnType<typeof kafka.read>, prefix: string): void {
  const { body, headers, ...attributes } = envelope;
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), { text: "Käse" });
  assert.equal(headers[`${prefix}subject`], "n/1");
  assert.equal(headers[`${prefix}dataschema`], "https://schemas.example/noted");
  assert.deepEqual(attributes, {
    id: "m1",
    type: "noted",
    topic: "orders",
    source: "/notes",
    time: new Date("2026-02-03T04:05:06.000Z"),
    key: "n1",
    correlationId: "c1",
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: undefined,
    contentType: "application/json",
  });
}

/** A message of the SDK, as a client of a broker or a server of HTTP delivers it. */
function carried(message: Message): Parameters<typeof kafka.read>[0] {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = String(value);
  }
  const { "content-type": contentType, ...others } = headers;
  const { key, value } = message as KafkaMessage<unknown>;
  const body = value ?? message.body;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return wireMessage({
    key: typeof key === "string" ? key : undefined,
    contentType,
    headers: others,
    body: encoder.encode(text),
  });
}

function expectPlaced(event: CloudEvent<unknown>): void {
  assert.equal(event.validate(), true);
  const { id, source, type, time, specversion, datacontenttype, data } = event;
  assert.deepEqual({ id, source, type, time, specversion, datacontenttype, data }, {
    id: placed.id,
    source: placed.source,
    type: placed.type,
    time: placed.time.toISOString(),
    specversion: "1.0",
    datacontenttype: "application/json",
    data: { total: 5 },
  });
  assert.equal(event["partitionkey"], "o1");
  assert.equal(event["correlationid"], placed.correlationId);
  assert.equal(event["causationid"], placed.causationId);
  assert.equal(event["traceparent"], placed.traceparent);
  assert.equal(event["schemaversion"], "2");
}

Deno.test("cloudEvents() writes for Kafka what the SDK reads", () => {
  const { key, contentType, headers, body } = kafka.write(placed);
  const message: KafkaMessage<unknown> = {
    key: key ?? "",
    headers: { ...headers, "content-type": contentType },
    value: Buffer.from(body),
    body: undefined,
  };
  assert.equal(Kafka.isEvent(message), true);
  expectPlaced(Kafka.toEvent(message) as CloudEvent<unknown>);
});

Deno.test("cloudEvents() reads from Kafka what the SDK writes in binary mode", () => {
  expectNoted(kafka.read(carried(Kafka.binary(noted)), context), "ce_");
});

Deno.test("cloudEvents() reads from Kafka what the SDK writes in structured mode", () => {
  expectNoted(kafka.read(carried(Kafka.structured(noted)), context), "ce_");
});

Deno.test("cloudEvents() writes for HTTP what the SDK reads", () => {
  // For `application/json` alone the SDK looks into the environment, which unit tests have no access to.
  const written = http.write({ ...placed, contentType: "application/vnd.shop+json" });
  const message: Message = {
    headers: { ...written.headers, "content-type": written.contentType },
    body: new TextDecoder().decode(written.body),
  };
  assert.equal(HTTP.isEvent(message), true);
  const event = HTTP.toEvent(message) as CloudEvent<unknown>;
  assert.equal(event.datacontenttype, "application/vnd.shop+json");
  expectPlaced(
    event.cloneWith({ datacontenttype: "application/json", data: JSON.parse(String(event.data)) }),
  );
});

Deno.test("cloudEvents() reads from HTTP what the SDK writes in binary mode", () => {
  expectNoted(http.read(carried(HTTP.binary(noted)), context), "ce-");
});

Deno.test("cloudEvents() reads from HTTP what the SDK writes in structured mode", () => {
  expectNoted(http.read(carried(HTTP.structured(noted)), context), "ce-");
});
