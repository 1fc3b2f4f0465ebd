import assert from "node:assert/strict";
import { pythonCqrs, unreadEnvelope, type WireMessage } from "../../../src/broker/mod.ts";
import { context, encoder, placed, wireMessage } from "./wire.ts";

const format = pythonCqrs();

/** What python-cqrs 4.4.5 writes. */
const joined = {
  "event_id": "409dbd77-bf14-49ca-809f-309ea4bb0f96",
  "event_timestamp": "2026-02-03T04:05:06.789012",
  "event_name": "user.joined",
  "topic": "users",
  "payload": { "user_id": "u1" },
};

const jsonMessage = (event: unknown): WireMessage =>
  wireMessage({ contentType: undefined, body: encoder.encode(JSON.stringify(event)) });

const textOf = ({ body }: { readonly body: Uint8Array }) => new TextDecoder().decode(body);

Deno.test("pythonCqrs() writes the whole event, and what has no place in it into headers", () => {
  const { body, ...message } = format.write(placed);
  assert.equal(
    textOf({ body }),
    `{"event_id":"${placed.id}","event_timestamp":"2026-02-03T04:05:06.789Z",` +
      '"event_name":"order.placed","topic":"orders","payload":{"total":5}}',
  );
  assert.deepEqual(message, {
    key: "o1",
    contentType: "application/json",
    headers: {
      source: "/shop",
      "correlation_id": placed.correlationId,
      "causation_id": placed.causationId,
      traceparent: placed.traceparent,
      "schema_version": "2",
      tenant: "t1",
    },
  });
});

Deno.test("pythonCqrs() reads what it wrote", () => {
  assert.deepEqual(format.read(format.write(placed), context), placed);
  const plain = { ...placed, correlationId: placed.id, headers: {} };
  assert.deepEqual(format.read(format.write(plain), context), plain);
  assert.equal("correlation_id" in format.write(plain).headers, false);
});

Deno.test("pythonCqrs() reads an event without headers", () => {
  const { body, ...read } = format.read({ ...jsonMessage(joined), key: "k" }, context);
  assert.equal(textOf({ body }), '{"user_id":"u1"}');
  assert.deepEqual(read, {
    id: joined["event_id"],
    type: "user.joined",
    topic: "orders",
    source: "python-cqrs",
    time: new Date("2026-02-03T04:05:06.789Z"),
    key: "k",
    correlationId: joined["event_id"],
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: undefined,
    contentType: "application/json",
    headers: {},
  });
  const shop = pythonCqrs({ source: "/shop" }).read(jsonMessage(joined), context);
  assert.equal(shop.source, "/shop");
});

Deno.test("pythonCqrs() reads the names and ids that the dataclasses of python-cqrs 5 write", () => {
  const read = format.read(
    jsonMessage({
      eventName: "user.joined",
      payload: { userId: "u1" },
      eventId: "c9dff1a1c267432495544a4321be5bc1",
      eventTimestamp: "2026-02-03T04:05:06.789012",
      topic: "users",
    }),
    context,
  );
  assert.equal(read.id, "c9dff1a1-c267-4324-9554-4a4321be5bc1");
  assert.equal(read.type, "user.joined");
  assert.equal(read.time.toISOString(), "2026-02-03T04:05:06.789Z");
  assert.equal(textOf(read), '{"userId":"u1"}');
});

Deno.test("pythonCqrs() hands the payload on byte for byte", () => {
  const payload = '{ "n": 9007199254740993, "f": 1.50 }';
  const text = JSON.stringify({ ...joined, payload: 0 }).replace(
    '"payload":0',
    `"payload":${payload}`,
  );
  const read = format.read(wireMessage({ body: encoder.encode(text) }), context);
  assert.equal(textOf(read), payload);
  assert.ok(textOf(format.write(read)).endsWith(`"payload":${payload}}`));
});

Deno.test("pythonCqrs() takes an event without a payload for one with null", () => {
  const { payload: _, ...event } = joined;
  assert.equal(textOf(format.read(jsonMessage(event), context)), "null");
  const written = format.write({ ...placed, body: new Uint8Array() });
  assert.ok(textOf(written).endsWith('"payload":null}'));
});

Deno.test("pythonCqrs() takes the broker's time for an event without one", () => {
  const { "event_timestamp": _, ...event } = joined;
  assert.equal(format.read(jsonMessage(event), context).time, context.time);
});

const broken: Record<string, unknown> = {
  "an event without an id": { ...joined, "event_id": "" },
  "an event without a name": { ...joined, "event_name": null },
  "an event whose name is a number": { ...joined, "event_name": 7 },
  "an event whose time makes no sense": { ...joined, "event_timestamp": "yesterday" },
  "a list": [joined],
  "a text": "joined",
};
for (const [name, event] of Object.entries(broken)) {
  Deno.test(`pythonCqrs() refuses to read ${name}`, () => {
    assert.throws(() => format.read(jsonMessage(event), context), TypeError);
  });
}

Deno.test("pythonCqrs() refuses to write an id that is no UUID", () => {
  assert.throws(() => format.write({ ...placed, id: "o1" }), {
    name: "TypeError",
    message: 'Cannot send the id "o1" as python-cqrs wants a UUID',
  });
});

Deno.test("pythonCqrs() refuses to write a compressed body", () => {
  for (const contentType of ["application/json", "application/protobuf"]) {
    const envelope = { ...placed, contentType, headers: { "content-encoding": "gzip" } };
    assert.throws(() => format.write(envelope), {
      name: "TypeError",
      message: "Cannot send a compressed body to python-cqrs",
    });
  }
});

for (const name of ["event_name", "message_id", "source", "traceparent"]) {
  Deno.test(`pythonCqrs() refuses to write a header ${name} of the application's own`, () => {
    assert.throws(() => format.write({ ...placed, headers: { [name]: "x" } }), {
      name: "TypeError",
      message: `Cannot send the header "${name}" as the format has it`,
    });
  });
}

Deno.test("pythonCqrs() writes a message that could not be read as it came", () => {
  const message = wireMessage({ key: "k", headers: { source: "s" } });
  assert.deepEqual(format.write(unreadEnvelope(message, context)), message);
});

const protobuf = { ...placed, contentType: "application/protobuf", body: Uint8Array.of(8, 5) };

Deno.test("pythonCqrs() sends other bodies than JSON alone, with their names in headers", () => {
  const message = format.write(protobuf);
  assert.equal(message.body, protobuf.body);
  assert.equal(message.contentType, "application/protobuf");
  assert.equal(message.headers["event_name"], "order.placed");
  assert.equal(message.headers["message_id"], placed.id);
});

Deno.test("pythonCqrs() reads other bodies by their headers", () => {
  assert.deepEqual(format.read(format.write(protobuf), context), protobuf);
  const headers = { "event_name": "noted" };
  const bare = format.read(wireMessage({ contentType: undefined, headers }), context);
  assert.equal(bare.id, "orders/3/14");
  assert.equal(bare.time, context.time);
  assert.equal(bare.contentType, "application/x-protobuf");
});

Deno.test("pythonCqrs() asks what a message is that does not say so", () => {
  const framed = wireMessage({ contentType: undefined, body: Uint8Array.of(0, 0, 0, 0, 7, 0, 8) });
  assert.throws(() => format.read(framed, context), {
    name: "TypeError",
    message: "Cannot read a message that is no JSON event and has no header event_name",
  });
  const asking = pythonCqrs({
    describe: ({ body }, { topic }) => ({ type: `${topic}.${body[6]}` }),
  });
  const read = asking.read(framed, context);
  assert.equal(read.type, "orders.8");
  assert.equal(read.id, "orders/3/14");
  assert.equal(read.time, context.time);
  assert.equal(read.body, framed.body);
  const time = new Date(0);
  const known = pythonCqrs({ describe: () => ({ type: "noted", id: "m1", time }) });
  const { id, time: readTime } = known.read(framed, context);
  assert.deepEqual([id, readTime], ["m1", time]);
  assert.equal(known.read(jsonMessage(joined), context).type, "user.joined");
});

Deno.test("pythonCqrs() writes times without a zone if it is told to, and in the zone that it is told", () => {
  const naive = pythonCqrs({ times: "naive", timeZone: "Europe/Berlin" });
  const { "event_timestamp": time } = JSON.parse(textOf(naive.write(placed)));
  assert.equal(time, "2026-02-03T05:05:06.789");
  assert.deepEqual(naive.read(naive.write(placed), context), placed);
  const utc = pythonCqrs({ timeZone: "Europe/Berlin" });
  assert.equal(
    JSON.parse(textOf(utc.write(placed)))["event_timestamp"],
    "2026-02-03T04:05:06.789Z",
  );
});

Deno.test("pythonCqrs() refuses a time zone that does not exist", () => {
  assert.throws(() => pythonCqrs({ timeZone: "Mars/Olympus" }), RangeError);
});
