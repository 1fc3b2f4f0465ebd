import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate, TimestampSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import {
  compressBody,
  decompressBody,
  type Envelope,
  jsonCodec,
  notification,
  toEnvelope,
} from "../../../src/message/mod.ts";
import { protobufCodec, protobufInit } from "../../../src/protobuf/mod.ts";
import { Customer_AddressSchema, NothingSchema, Order_Status, OrderSchema } from "./orders_pb.ts";

const codec = protobufCodec(OrderSchema);

const order: MessageInitShape<typeof OrderSchema> = {
  orderId: "o1",
  total: -(2n ** 63n),
  lines: [{ article: "lamp", count: 2 }, { article: "" }],
  placedAt: timestampFromDate(new Date(1_000)),
  payment: { case: "card", value: { number: "4242" } },
  signature: new Uint8Array([0, 255, 1]),
  gift: true,
  status: Order_Status.PAID,
  price: { units: 2n ** 62n, currency: "EUR" },
  parts: { shade: { article: "shade", count: 1 } },
  floor: 0,
  offsets: [-1, 0, 1],
  extra: { any: ["JSON", 1, null] },
  note: "wrapped",
  weight: 0.5,
  checksum: 0xffffffff,
};

Deno.test("protobufCodec() gives back what it was given, whatever kind of field it stands in", async () => {
  const decoded = await codec.decode(await codec.encode(order));
  assert.deepEqual(decoded, create(OrderSchema, order));
  assert.equal(decoded.total, -(2n ** 63n));
  assert.equal(decoded.floor, 0);
});

Deno.test("protobufCodec() writes what the library writes, of a message as of its initialiser", async () => {
  const message = create(OrderSchema, order);
  const expected = toBinary(OrderSchema, message);
  assert.deepEqual(await codec.encode(message), expected);
  assert.deepEqual(await codec.encode(order), expected);
  assert.deepEqual(
    [...await codec.encode({ orderId: "o1", total: 300n })],
    [0x0a, 0x02, 0x6f, 0x31, 0x10, 0xac, 0x02],
  );
});

Deno.test("protobufCodec() has the media type that is registered, unless it is told another", () => {
  assert.equal(codec.contentType, "application/protobuf");
  const contentType = "application/x-protobuf";
  assert.equal(protobufCodec(OrderSchema, { contentType }).contentType, contentType);
});

Deno.test("protobufCodec() refuses what is no message and initialises none", () => {
  for (const data of [undefined, null, "o1", 7, [], [order], () => order]) {
    assert.throws(() => codec.encode(data as object), {
      name: "TypeError",
      message: /^Cannot encode .+ as "shop\.v1\.Order"$/,
    });
  }
});

Deno.test("protobufCodec() refuses a message of another type", () => {
  const other = create(Customer_AddressSchema, { city: "Bern" }) as object;
  assert.throws(() => codec.encode(other), {
    message: 'Cannot encode a message "shop.v1.Customer.Address" as "shop.v1.Order"',
  });
});

Deno.test("protobufCodec() refuses numbers that a field cannot hold", () => {
  assert.throws(() => codec.encode({ orderId: "o1", total: 2n ** 63n }), /Order\.total.*int64/);
  assert.throws(() => codec.encode({ orderId: "o1", floor: 0.5 }), /Order\.floor.*int32/);
  assert.throws(() => codec.encode({ orderId: "o1", checksum: -1 }), /Order\.checksum.*uint32/);
});

Deno.test("protobufCodec() refuses an empty body in both directions, as a lost one looks the same", async () => {
  assert.throws(() => codec.encode({}), {
    message: 'Cannot send an empty body as a message "shop.v1.Order"',
  });
  assert.throws(() => codec.decode(new Uint8Array(0)), {
    message: 'Cannot take an empty body as a message "shop.v1.Order"',
  });
  const accepting = protobufCodec(OrderSchema, { empty: "accept" });
  const bytes = await accepting.encode({});
  assert.equal(bytes.length, 0);
  assert.deepEqual(await accepting.decode(bytes), create(OrderSchema));
});

Deno.test("protobufCodec() accepts an empty body of a type that has no fields", async () => {
  const nothing = protobufCodec(NothingSchema);
  assert.deepEqual(await nothing.decode(await nothing.encode({})), create(NothingSchema));
});

Deno.test("protobufCodec() refuses bytes that end within a field, wherever they are cut", async () => {
  const bytes = await codec.encode({ orderId: "o1", price: { units: 300n, currency: "EUR" } });
  const ends = [4, bytes.length]; // behind a field
  for (let length = 1; length < bytes.length; length++) {
    if (!ends.includes(length)) assert.throws(() => codec.decode(bytes.subarray(0, length)));
  }
  assert.equal((await codec.decode(bytes.subarray(0, 4))).orderId, "o1");
});

Deno.test("protobufCodec() refuses what follows the message, unless it looks like a field", async () => {
  const bytes = await codec.encode({ orderId: "o1" });
  for (const garbage of [[0], [0x0a], [0xff, 0xff], [0x0c], [0x07, 0x07]]) {
    assert.throws(() => codec.decode(new Uint8Array([...bytes, ...garbage])));
  }
});

Deno.test("protobufCodec() refuses bytes in another format", () => {
  for (const text of ['{"orderId":"o1"}', "o1", "<order/>", "null"]) {
    assert.throws(() => codec.decode(new TextEncoder().encode(text)), {
      name: "TypeError",
      message: /^Cannot decode /,
    }, text);
  }
});

Deno.test("protobufCodec() refuses bytes of a type whose fields have another form", () => {
  // In an order field 1 is a text, in a timestamp it is a number.
  const bytes = toBinary(TimestampSchema, create(TimestampSchema, { seconds: 2n }));
  assert.throws(() => codec.decode(bytes), {
    name: "TypeError",
    message: "Cannot decode field shop.v1.Order.order_id as it has the wire type 0",
  });
});

Deno.test("protobufCodec() says of what the decoder refuses which type it was taken for", () => {
  assert.throws(() => codec.decode(new Uint8Array([0x0a, 1, 0xff])), ({ message, cause }) => {
    assert.match(message, /^Cannot decode the bytes as "shop\.v1\.Order": /);
    assert.ok(cause instanceof Error);
    return true;
  });
});

Deno.test("protobufCodec() keeps fields that it does not know, for whoever does", async () => {
  const bytes = new Uint8Array([...await codec.encode({ orderId: "o1" }), 0xa8, 0x06, 0x07]);
  const message = await codec.decode(bytes);
  assert.equal(message.orderId, "o1");
  assert.deepEqual(await codec.encode(message), bytes);
});

const Placed = notification("order.placed", {
  topic: "orders",
  data: protobufInit(OrderSchema),
  codec,
  key: ({ orderId = "" }) => orderId,
});

function envelopeOf(data: Parameters<typeof Placed>[0]): Promise<Envelope> | Envelope {
  return toEnvelope(Placed(data), { codec: jsonCodec(), source: "/shop" });
}

Deno.test("protobufCodec() encodes the notifications whose codec it is", async () => {
  const { contentType, body, key } = await envelopeOf(order);
  assert.equal(contentType, "application/protobuf");
  assert.equal(key, "o1");
  assert.deepEqual(await codec.decode(body), create(OrderSchema, order));
});

Deno.test("protobufCodec() makes a notification that cannot be encoded fail with the cause", () => {
  assert.throws(() => envelopeOf({ orderId: "o1", total: 2n ** 63n }), ({ code, cause }) => {
    assert.equal(code, "message_encode");
    assert.match(cause.message, /shop\.v1\.Order\.total/);
    return true;
  });
});

Deno.test("protobufCodec() and compression undo each other", async () => {
  const lines = Array.from({ length: 200 }, (_, count) => ({ article: "lamp", count }));
  const envelope = await envelopeOf({ ...order, lines });
  const small = await compressBody(envelope);
  assert.equal(small.headers["content-encoding"], "gzip");
  assert.equal(small.contentType, "application/protobuf");
  assert.ok(small.body.length < envelope.body.length / 2);
  const { body } = await decompressBody(small);
  assert.deepEqual(await codec.decode(body), create(OrderSchema, { ...order, lines }));
});
