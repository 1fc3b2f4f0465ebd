import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import fc from "fast-check";
import { WireCheck } from "../../../src/protobuf/wire_check.ts";
import { file_orders, OrderSchema } from "./orders_pb.ts";

const check = new WireCheck(OrderSchema);

function bytesOf(init: MessageInitShape<typeof OrderSchema>): Uint8Array {
  return toBinary(OrderSchema, create(OrderSchema, init));
}

Deno.test("WireCheck accepts every message of its type", () => {
  const line = fc.record({ article: fc.string(), count: fc.nat() });
  const orders = fc.record({
    orderId: fc.string({ unit: "binary" }),
    total: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    lines: fc.array(line),
    signature: fc.uint8Array(),
    parts: fc.dictionary(fc.string(), line),
    offsets: fc.array(fc.integer()),
    weight: fc.double(),
    checksum: fc.nat(),
    gift: fc.boolean(),
  });
  fc.assert(fc.property(orders, (init) => check.check(bytesOf(init))));
});

Deno.test("WireCheck accepts a message that contains its own type", () => {
  const file = new WireCheck(FileDescriptorProtoSchema);
  file.check(toBinary(FileDescriptorProtoSchema, file_orders.proto));
});

Deno.test("WireCheck accepts lists of numbers whether they are packed or not", () => {
  check.check(new Uint8Array([0x6a, 2, 1, 2])); // packed
  check.check(new Uint8Array([0x68, 1, 0x68, 2]));
});

Deno.test("WireCheck accepts fields that it does not know, whatever their form", () => {
  const unknown = [
    [0xa0, 0x06, 0x01], // a number
    [0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8], // 64 bits
    [0xa2, 0x06, 2, 0xff, 0xff], // bytes
    [0xa5, 0x06, 1, 2, 3, 4], // 32 bits
    [0xa3, 0x06, 0xa4, 0x06], // a group, which is left to the decoder
  ];
  for (const bytes of unknown) check.check(new Uint8Array(bytes));
});

Deno.test("WireCheck refuses a field of another form, in messages within the message too", () => {
  const refused: Record<string, number[]> = {
    "order_id as it has the wire type 0": [0x08, 1],
    "total as it has the wire type 2": [0x12, 1, 1],
    "gift as it has the wire type 5": [0x45, 1, 2, 3, 4],
    "status as it has the wire type 1": [0x49, 1, 2, 3, 4, 5, 6, 7, 8],
    "weight as it has the wire type 0": [0x80, 0x01, 1],
    "checksum as it has the wire type 0": [0x88, 0x01, 1],
    "parts as it has the wire type 0": [0x58, 1],
    "card as it has the wire type 3": [0x2b, 0x2c],
    "Line.article as it has the wire type 0": [0x1a, 2, 0x08, 1],
  };
  for (const [finding, bytes] of Object.entries(refused)) {
    assert.throws(() => check.check(new Uint8Array(bytes)), {
      name: "TypeError",
      message: `Cannot decode field shop.v1.Order.${finding}`,
    });
  }
});

Deno.test("WireCheck refuses bytes that end within a field", () => {
  const cut = [
    [0x0a], // where the length belongs
    [0x0a, 2, 0x6f], // within the text
    [0x0a, 0xff], // within the length
    [0x10, 0x80], // within the number
    [0x80], // within the tag
    [0x81, 0x01, 1, 2], // within 64 bits
    [0x8d, 0x01, 1, 2], // within 32 bits
    [0x1a, 5, 0x08, 1], // within a message, whose first field has another form too
    [0x1a, 3, 0x0a, 2, 0x6f], // a text that is longer than the message around it
  ];
  for (const bytes of cut) {
    assert.throws(() => check.check(new Uint8Array(bytes)), {
      message: "Cannot decode the message as its bytes end within a field",
    });
  }
});
