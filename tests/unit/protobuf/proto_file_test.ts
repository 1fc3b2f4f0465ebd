import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { schemaRegistry } from "../../../src/protobuf/mod.ts";
import { schemaIdOf } from "../../../src/protobuf/proto_file.ts";
import { file_orders } from "./orders_pb.ts";
import { RegistryServer } from "./registry_server.ts";

function prepared() {
  const server = new RegistryServer();
  const registry = schemaRegistry({ url: "http://registry.test", fetch: server.fetch });
  return { server, registry };
}

const registering = { autoRegister: true, sources: {} };
const lookingUp = { autoRegister: false, sources: {} };

Deno.test("schemaIdOf() registers what a file imports, each under its own path, and then the file", async () => {
  const { server, registry } = prepared();
  assert.equal(await schemaIdOf(registry, "orders-value", file_orders, registering), 2);
  assert.deepEqual(server.lines, [
    "POST /subjects/money.proto/versions",
    "POST /subjects/money.proto", // for the version
    "POST /subjects/orders-value/versions",
  ]);
  const { body } = server.seen[2] ?? {};
  // What every registry has, such as google/protobuf/timestamp.proto, is not among them.
  assert.deepEqual(body?.references, [
    { name: "money.proto", subject: "money.proto", version: 1 },
  ]);
});

Deno.test("schemaIdOf() sends the compiled file, without where things stand in its text", async () => {
  const { server, registry } = prepared();
  const proto = { ...file_orders.proto };
  proto.sourceCodeInfo = { $typeName: "google.protobuf.SourceCodeInfo", location: [] };
  await schemaIdOf(registry, "orders", { ...file_orders, proto }, registering);
  const { schema = "", schemaType } = server.seen.at(-1)?.body ?? {};
  assert.equal(schemaType, "PROTOBUF");
  const sent = fromBinary(FileDescriptorProtoSchema, base64Decode(schema));
  assert.equal(sent.name, "orders.proto");
  assert.equal(sent.sourceCodeInfo, undefined);
  assert.deepEqual(sent, file_orders.proto);
  assert.notEqual(proto.sourceCodeInfo, undefined);
});

Deno.test("schemaIdOf() sends the texts that it is given", async () => {
  const { server, registry } = prepared();
  const sources = {
    "orders.proto": 'syntax = "proto3"; import "money.proto";',
    "money.proto": 'syntax = "proto3";',
  };
  await schemaIdOf(registry, "orders", file_orders, { autoRegister: true, sources });
  const sent = server.seen.map(({ body }) => body?.schema);
  assert.deepEqual(sent, [
    sources["money.proto"],
    sources["money.proto"],
    sources["orders.proto"],
  ]);
});

Deno.test("schemaIdOf() registers nothing when it may not", async () => {
  const { server, registry } = prepared();
  await assert.rejects(schemaIdOf(registry, "orders", file_orders, lookingUp), {
    code: "schema_registry",
    errorCode: 40401,
    message: /^Cannot find a schema of "money\.proto"/,
  });
  await schemaIdOf(registry, "money.proto", moneyFile(), registering);
  await assert.rejects(schemaIdOf(registry, "orders", file_orders, lookingUp), {
    errorCode: 40401,
    message: /^Cannot find a schema of "orders"/,
  });
  assert.deepEqual(server.subjects, ["money.proto"]);
});

function moneyFile() {
  const file = file_orders.dependencies.find(({ proto }) => proto.name === "money.proto");
  assert.ok(file);
  return file;
}

Deno.test("schemaIdOf() finds what is registered, without registering it again", async () => {
  const { server, registry } = prepared();
  await schemaIdOf(registry, "orders", file_orders, registering);
  const later = schemaRegistry({ url: "http://registry.test", fetch: server.fetch });
  server.seen.length = 0;
  assert.equal(await schemaIdOf(later, "orders", file_orders, lookingUp), 2);
  assert.deepEqual(server.lines, ["POST /subjects/money.proto", "POST /subjects/orders"]);
});

Deno.test("schemaIdOf() registers a file of the library itself when that is what is published", async () => {
  const { server, registry } = prepared();
  assert.equal(await schemaIdOf(registry, "ticks", TimestampSchema.file, registering), 1);
  assert.deepEqual(server.subjects, ["ticks"]);
});
