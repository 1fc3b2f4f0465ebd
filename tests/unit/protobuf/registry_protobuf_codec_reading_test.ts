import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import {
  registryProtobufCodec,
  type RegistryProtobufCodecOptions,
  schemaRegistry,
} from "../../../src/protobuf/mod.ts";
import { Customer_AddressSchema, file_orders, OrderSchema } from "./orders_pb.ts";
import { problem, RegistryServer } from "./registry_server.ts";

const payload = toBinary(OrderSchema, create(OrderSchema, { orderId: "o1" }));

function compiled(change: (file: FileDescriptorProto) => void = () => {}) {
  const file = clone(FileDescriptorProtoSchema, file_orders.proto);
  change(file);
  const schema = base64Encode(toBinary(FileDescriptorProtoSchema, file));
  return { schemaType: "PROTOBUF", schema };
}

function prepared(options: Partial<RegistryProtobufCodecOptions> = {}) {
  const server = new RegistryServer();
  const registry = schemaRegistry({
    url: "http://registry.test",
    fetch: server.fetch,
    retry: { maxAttempts: 1 },
  });
  return { server, registry, codec: registryProtobufCodec(OrderSchema, { registry, ...options }) };
}

function frame(id: number, path: readonly number[], message: Uint8Array = payload): Uint8Array {
  return new Uint8Array([0, 0, 0, 0, id, ...path, ...message]);
}

/** What decoding does, whether it throws or rejects. */
function decode(codec: { decode(bytes: Uint8Array): unknown }, bytes: Uint8Array) {
  return async () => await codec.decode(bytes);
}

Deno.test("registryProtobufCodec() reads what was written with any schema that has the type", async () => {
  const { server, codec } = prepared();
  const older = server.add("a", compiled());
  // Another file, in which the type comes first, under another subject.
  const newer = server.add("b", compiled((file) => file.messageType.reverse().splice(0, 1)));
  assert.equal((await codec.decode(frame(older, [2, 2]))).orderId, "o1");
  assert.equal((await codec.decode(frame(newer, [0]))).orderId, "o1");
});

Deno.test("registryProtobufCodec() asks once for each schema, then answers at once", async () => {
  const { server, codec } = prepared();
  server.add("a", compiled());
  server.add("b", compiled((file) => file.messageType.reverse()));
  for (let time = 1; time <= 2; time++) {
    await codec.decode(frame(1, [2, 2]));
    await codec.decode(frame(2, [2, 2]));
  }
  assert.deepEqual(server.lines, [
    "GET /schemas/ids/1?format=serialized",
    "GET /schemas/ids/2?format=serialized",
  ]);
  assert.ok(!(codec.decode(frame(1, [2, 2])) instanceof Promise));
  assert.ok(!(codec.decode(frame(2, [2, 2])) instanceof Promise));
});

Deno.test("registryProtobufCodec() refuses a message of another type, also after one of its own", async () => {
  const { server, codec } = prepared();
  server.add("a", compiled());
  await codec.decode(frame(1, [2, 2]));
  await assert.rejects(decode(codec, frame(1, [0])), {
    name: "TypeError",
    message:
      'Cannot decode a message "shop.v1.Order" as the schema 1 is that of a message "shop.v1.Customer"',
  });
  await assert.rejects(decode(codec, frame(1, [4, 2, 2])), /"shop\.v1\.Order\.Line"$/);
  await assert.rejects(decode(codec, frame(1, [2, 18])), {
    message: 'Cannot decode a message "shop.v1.Order" as the schema 1 has no message at 9',
  });
});

Deno.test("registryProtobufCodec() reads paths that count the entries of maps, and paths that do not", async () => {
  const { server, registry } = prepared();
  server.add("a", compiled());
  const codec = registryProtobufCodec(Customer_AddressSchema, { registry });
  const bern = toBinary(Customer_AddressSchema, create(Customer_AddressSchema, { city: "Bern" }));
  assert.equal((await codec.decode(frame(1, [4, 0, 2], bern))).city, "Bern");
  assert.equal((await codec.decode(frame(1, [4, 0, 0], bern))).city, "Bern");
});

Deno.test("registryProtobufCodec() refuses a schema of another language", async () => {
  const { server, codec } = prepared();
  server.add("a", { schema: '"string"' });
  await assert.rejects(decode(codec, frame(1, [2, 2])), {
    name: "TypeError",
    message: 'Cannot decode a message "shop.v1.Order" as the schema 1 is one of AVRO',
  });
});

Deno.test("registryProtobufCodec() accepts a schema that the registry gives as text", async () => {
  const { server, codec } = prepared();
  server.givesText = true;
  server.add("a", compiled());
  assert.equal((await codec.decode(frame(1, [2, 2]))).orderId, "o1");
});

Deno.test("registryProtobufCodec() throws what the registry says, and asks again", async () => {
  const { server, codec } = prepared();
  await assert.rejects(decode(codec, frame(1, [2, 2])), {
    code: "schema_registry",
    errorCode: 40403,
    isTransient: false,
  });
  server.instead.push(() => problem(503, 50003, "Forwarding failed"));
  await assert.rejects(decode(codec, frame(1, [2, 2])), { isTransient: true });
  server.add("a", compiled());
  assert.equal((await codec.decode(frame(1, [2, 2]))).orderId, "o1");
});

Deno.test("registryProtobufCodec() asks nothing if it is to ignore the writer's schema", async () => {
  const { server, codec } = prepared({ writerSchema: "ignore" });
  assert.equal((await codec.decode(frame(9, [4, 8, 8]))).orderId, "o1");
  assert.equal((await codec.decode(frame(8, [0]))).orderId, "o1");
  assert.deepEqual(server.seen, []);
});

Deno.test("registryProtobufCodec() refuses bytes that are no frame before it asks anybody", () => {
  const { server, codec } = prepared();
  for (const bytes of [[], [0], [0, 0, 0, 0, 1], [...payload], [0, 0, 0, 0, 1, 4, 0]]) {
    assert.throws(() => codec.decode(new Uint8Array(bytes)), {
      name: "TypeError",
      message: /^Cannot read a frame of a schema registry/,
    });
  }
  assert.deepEqual(server.seen, []);
});

Deno.test("registryProtobufCodec() refuses a message that is cut or of another form within its frame", async () => {
  const { server, codec } = prepared();
  server.add("a", compiled());
  await assert.rejects(
    decode(codec, frame(1, [2, 2], payload.subarray(0, 3))),
    /end within a field/,
  );
  await assert.rejects(decode(codec, frame(1, [2, 2], new Uint8Array([0x08, 1]))), /wire type 0/);
});

Deno.test("registryProtobufCodec() reads what it has written", async () => {
  const { codec } = prepared();
  const order = { orderId: "o1", total: 2n ** 62n, price: { units: 1n, currency: "EUR" } };
  const bytes = await codec.encode(order);
  assert.deepEqual(await codec.decode(bytes), create(OrderSchema, order));
  assert.deepEqual(
    await codec.decode(bytes),
    fromBinary(OrderSchema, bytes.subarray(7)),
  );
});
