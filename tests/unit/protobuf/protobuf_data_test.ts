import { create, isMessage } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { notification, validate } from "../../../src/message/mod.ts";
import { protobufCodec, protobufData, protobufInit } from "../../../src/protobuf/mod.ts";
import { Customer_AddressSchema, OrderSchema } from "./orders_pb.ts";

const data = protobufData(OrderSchema);

Deno.test("protobufData() leaves messages of its type as they are", async () => {
  const message = create(OrderSchema, { orderId: "o1", total: 2n ** 62n });
  assert.equal(await validate("order", data, message), message);
});

Deno.test("protobufData() and protobufInit() make messages of what initialises them", async () => {
  for (const schema of [data, protobufInit(OrderSchema)]) {
    const message = await validate("order", schema, { orderId: "o1" });
    assert.ok(isMessage(message, OrderSchema));
    assert.equal(message.total, 0n);
  }
});

Deno.test("protobufData() says what is wrong with everything else", async () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /Cannot encode a value of the type undefined as "shop\.v1\.Order"/],
    [{ ordreId: "o1" }, /"shop\.v1\.Order\.ordreId" as there is no such field/],
    [{ total: 2n ** 63n }, /shop\.v1\.Order\.total/],
    [create(Customer_AddressSchema), /a message "shop\.v1\.Customer\.Address"/],
  ];
  for (const [value, message] of wrong) {
    await assert.rejects(validate("order", data, value), { code: "message_validation", message });
  }
});

Deno.test("protobufData() accepts what its codec has decoded, with what it does not know", async () => {
  const codec = protobufCodec(OrderSchema);
  const Placed = notification("order.placed", { topic: "orders", data, codec });
  const bytes = new Uint8Array([0x0a, 0x02, 0x6f, 0x31, 0xa8, 0x06, 0x07]);
  const { data: message } = await Placed.parse(await codec.decode(bytes));
  assert.equal(message.orderId, "o1");
  assert.deepEqual(await codec.encode(message), bytes);
});
