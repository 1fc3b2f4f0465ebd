import { AMQPMessage, type AMQPProperties } from "@cloudamqp/amqp-client";
import assert from "node:assert/strict";
import {
  comesAgain,
  defaultFormat,
  deliveryCountOf,
  propertiesOf,
  wireContextOf,
  wireMessageOf,
} from "../../../src/rabbitmq/amqp_message.ts";
import { fullMessage } from "../../../src/testing/broker_messages.ts";
import { FakeServer } from "./fake_server.ts";

const { channel: someChannel } = await openChannel();

Deno.test("propertiesOf() and wireMessageOf() give a message as it was", async () => {
  const envelope = fullMessage("orders");
  const wire = defaultFormat().write(envelope);
  const properties = propertiesOf(wire, envelope.id, true);
  assert.equal(properties.deliveryMode, 2);
  assert.equal(properties.messageId, envelope.id);
  assert.equal(properties.contentType, envelope.contentType);
  assert.equal("x-partition-key" in (properties.headers ?? {}), false); // CloudEvents has said it
  const message = messageOf(properties, envelope.body);
  const context = await wireContextOf(message, "orders");
  assert.deepEqual(defaultFormat().read(wireMessageOf(message), context), envelope);
});

Deno.test("propertiesOf() keeps a key that the format has not written, and wireMessageOf() gives it back", () => {
  const wire = {
    key: "größe 🗝",
    contentType: undefined,
    headers: { a: "b" },
    body: new Uint8Array(),
  };
  const properties = propertiesOf(wire, "m1", false);
  assert.equal(properties.deliveryMode, 1);
  assert.equal("contentType" in properties, false);
  assert.deepEqual(wireMessageOf(messageOf(properties)), wire);
});

Deno.test("propertiesOf() refuses headers that RabbitMQ would understand", () => {
  for (const name of ["CC", "BCC", "x-delivery-count", "x-partition-key"]) {
    const wire = {
      key: undefined,
      contentType: undefined,
      headers: { [name]: "1" },
      body: new Uint8Array(),
    };
    assert.throws(() => propertiesOf(wire, "m1", true), TypeError);
  }
});

Deno.test("wireMessageOf() reads headers of all types as texts, without those of RabbitMQ", () => {
  const headers = {
    text: "a",
    number: 1,
    flag: false,
    large: 2n ** 62n,
    date: new Date(0),
    table: { big: 3n },
    "x-delivery-count": 4,
    CC: ["other"],
  };
  assert.deepEqual(wireMessageOf(messageOf({ headers })).headers, {
    text: "a",
    number: "1",
    flag: "false",
    large: "4611686018427387904",
    date: "1970-01-01T00:00:00.000Z",
    table: '{"big":"3"}',
  });
});

Deno.test("wireContextOf() prefers the id of the message, and otherwise tells apart what differs", async () => {
  const idOf = async (properties: AMQPProperties, text = "a") =>
    (await wireContextOf(messageOf(properties, new TextEncoder().encode(text)), "t")).fallbackId;
  assert.equal(await idOf({ messageId: "m1" }), "m1");
  const id = await idOf({ headers: { a: "b" } });
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await idOf({ headers: { a: "b", "x-delivery-count": 3 } }), id); // it comes again
  assert.notEqual(await idOf({ headers: { a: "c" } }), id);
  assert.notEqual(await idOf({ headers: { a: "b" } }, "b"), id);
  assert.notEqual(await idOf({ headers: { a: "b" }, timestamp: new Date(0) }), id);
});

Deno.test("deliveryCountOf() counts from 1, and says nothing where the server does not count", () => {
  assert.equal(deliveryCountOf(messageOf({})), 1);
  assert.equal(deliveryCountOf(messageOf({ headers: { "x-delivery-count": 2n } })), 3);
  assert.equal(deliveryCountOf(messageOf({}, undefined, true)), undefined);
});

Deno.test("comesAgain() knows a message by its id and its bytes", () => {
  const bytes = new Uint8Array([1, 2]);
  const earlier = messageOf({ messageId: "m1" }, bytes);
  assert.equal(comesAgain(earlier, messageOf({ messageId: "m1" }, bytes, true)), true);
  assert.equal(comesAgain(earlier, messageOf({ messageId: "m1" }, bytes, false)), false);
  assert.equal(comesAgain(earlier, messageOf({ messageId: "m2" }, bytes, true)), false);
  assert.equal(
    comesAgain(earlier, messageOf({ messageId: "m1" }, new Uint8Array([1, 3]), true)),
    false,
  );
  assert.equal(
    comesAgain(earlier, messageOf({ messageId: "m1" }, new Uint8Array([1]), true)),
    false,
  );
});

async function openChannel() {
  const client = await new FakeServer().connection().connect();
  return { channel: await client.channel() };
}

function messageOf(
  properties: AMQPProperties,
  body: Uint8Array = new Uint8Array(),
  redelivered = false,
) {
  const message = new AMQPMessage(someChannel);
  return Object.assign(message, { properties, body, redelivered });
}
