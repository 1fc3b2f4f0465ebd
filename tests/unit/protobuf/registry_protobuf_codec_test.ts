import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  compressBody,
  decompressBody,
  jsonCodec,
  notification,
  toEnvelope,
} from "../../../src/message/mod.ts";
import {
  protobufInit,
  registryProtobufCodec,
  type RegistryProtobufCodecOptions,
  schemaRegistry,
} from "../../../src/protobuf/mod.ts";
import { MoneySchema } from "./money_pb.ts";
import {
  Customer_Address_PlaceSchema,
  Customer_AddressSchema,
  CustomerSchema,
  NothingSchema,
  Order_CardSchema,
  OrderSchema,
} from "./orders_pb.ts";
import { problem, RegistryServer } from "./registry_server.ts";

function prepared(options: Partial<RegistryProtobufCodecOptions> = {}) {
  const server = new RegistryServer();
  const registry = schemaRegistry({
    url: "http://registry.test",
    fetch: server.fetch,
    retry: { maxAttempts: 1 },
  });
  const codec = registryProtobufCodec(OrderSchema, { registry, ...options });
  return { server, registry, codec };
}

Deno.test("registryProtobufCodec() writes, byte for byte, what Confluent's Python client writes", async () => {
  // Made by confluent-kafka 2.16.1 of the same schema, as the second that its registry got.
  const { registry } = prepared();
  const frameOf = async (bytes: Uint8Array | Promise<Uint8Array>) => (await bytes).toHex();
  const options = { registry, subject: "orders-value" };
  const customer = registryProtobufCodec(CustomerSchema, options);
  assert.equal(await frameOf(customer.encode({ name: "Ada" })), "0000000002000a03416461");
  const order = registryProtobufCodec(OrderSchema, options);
  assert.equal(
    await frameOf(order.encode({ orderId: "o1", total: -1n })),
    "000000000202020a026f3110ffffffffffffffffff01",
  );
  const address = registryProtobufCodec(Customer_AddressSchema, options);
  assert.equal(await frameOf(address.encode({ city: "Bern" })), "00000000020400020a044265726e");
  const place = registryProtobufCodec(Customer_Address_PlaceSchema, options);
  assert.equal(
    await frameOf(place.encode({ latitude: 1.5 })),
    "00000000020600020009000000000000f83f",
  );
  const card = registryProtobufCodec(Order_CardSchema, options);
  assert.equal(await frameOf(card.encode({ number: "4" })), "00000000020402040a0134");
  const nothing = registryProtobufCodec(NothingSchema, options);
  assert.equal(await frameOf(nothing.encode({})), "00000000020204");
});

Deno.test("registryProtobufCodec() skips the entries of maps when the registry gets the text", async () => {
  const { registry } = prepared();
  const sources = { "orders.proto": 'syntax = "proto3"; import "money.proto";' };
  const codec = registryProtobufCodec(Customer_AddressSchema, { registry, sources });
  const bytes = await codec.encode({ city: "Bern" });
  assert.deepEqual([...bytes.subarray(0, 8)], [0, 0, 0, 0, 2, 4, 0, 0]);
});

Deno.test("registryProtobufCodec() registers under the name of the message type unless it is told otherwise", async () => {
  const { server, codec } = prepared();
  await codec.encode({ orderId: "o1" });
  assert.deepEqual(server.subjects, ["money.proto", "shop.v1.Order"]);
  const named = prepared({ subject: "orders-value" });
  await named.codec.encode({ orderId: "o1" });
  assert.deepEqual(named.server.subjects, ["money.proto", "orders-value"]);
});

Deno.test("registryProtobufCodec() asks the registry with its first message, then answers at once", async () => {
  const { server, codec } = prepared();
  assert.deepEqual(server.seen, []);
  const first = [codec.encode({ orderId: "o1" }), codec.encode({ orderId: "o2" })];
  assert.ok(first.every((bytes) => bytes instanceof Promise));
  await Promise.all(first);
  assert.equal(server.seen.length, 3);
  assert.ok(codec.encode({ orderId: "o3" }) instanceof Uint8Array);
  assert.equal(server.seen.length, 3);
});

Deno.test("registryProtobufCodec() tries again after the registry has failed", async () => {
  const { server, codec } = prepared();
  server.instead.push(() => problem(500, 50001, "Error in the backend data store"));
  await assert.rejects(async () => await codec.encode({ orderId: "o1" }), {
    code: "schema_registry",
    errorCode: 50001,
    isTransient: true,
  });
  assert.equal((await codec.encode({ orderId: "o1" }))[4], 2);
});

Deno.test("registryProtobufCodec() refuses data before it asks for an id", () => {
  const { server, codec } = prepared();
  assert.throws(() => codec.encode({ total: 2n ** 63n }), /shop\.v1\.Order\.total/);
  assert.deepEqual(server.seen, []);
});

Deno.test("registryProtobufCodec() fails for a schema that is not there if it may not register it", async () => {
  const { server, registry, codec } = prepared({ autoRegister: false });
  await assert.rejects(async () => await codec.encode({ orderId: "o1" }), {
    code: "schema_registry",
    status: 404,
    errorCode: 40401,
    isTransient: false,
  });
  assert.deepEqual(server.subjects, []);
  await registryProtobufCodec(OrderSchema, { registry }).encode({ orderId: "o1" });
  assert.equal((await codec.encode({ orderId: "o1" }))[4], 2);
});

Deno.test("registryProtobufCodec() writes an empty message, whose frame shows that it is not lost", async () => {
  const { codec } = prepared();
  const bytes = await codec.encode({});
  assert.deepEqual([...bytes], [0, 0, 0, 0, 2, 2, 2]);
  assert.deepEqual(await codec.decode(bytes), create(OrderSchema));
});

Deno.test("registryProtobufCodec() encodes notifications, whose envelopes then take time", async () => {
  const { server, registry } = prepared();
  const Priced = notification("priced", {
    topic: "prices",
    data: protobufInit(MoneySchema),
    codec: registryProtobufCodec(MoneySchema, { registry }),
  });
  const options = { codec: jsonCodec(), source: "/shop" };
  const { body, contentType } = await toEnvelope(Priced({ units: 5n }), options);
  assert.equal(contentType, "application/protobuf");
  assert.deepEqual([...body], [
    0,
    0,
    0,
    0,
    1,
    0,
    ...toBinary(MoneySchema, create(MoneySchema, { units: 5n })),
  ]);

  const refused = registryProtobufCodec(MoneySchema, { registry, subject: "closed" });
  server.closed.add("closed");
  const Refused = notification("refused", {
    topic: "prices",
    data: protobufInit(MoneySchema),
    codec: refused,
  });
  await assert.rejects(
    async () => await toEnvelope(Refused({ units: 5n }), options),
    ({ code, cause }) => {
      assert.equal(code, "message_encode");
      assert.equal(cause.code, "schema_registry");
      assert.equal(cause.status, 409);
      return true;
    },
  );
});

Deno.test("registryProtobufCodec() and compression undo each other", async () => {
  const { registry } = prepared();
  const codec = registryProtobufCodec(OrderSchema, { registry });
  const Placed = notification("placed", { topic: "o", data: protobufInit(OrderSchema), codec });
  const order = { orderId: "o1", lines: Array(200).fill({ article: "lamp", count: 1 }) };
  const envelope = await toEnvelope(Placed(order), { codec: jsonCodec(), source: "/shop" });
  const small = await compressBody(envelope);
  assert.ok(small.body.length < envelope.body.length / 2);
  const { body } = await decompressBody(small);
  assert.deepEqual(await codec.decode(body), create(OrderSchema, order));
});
