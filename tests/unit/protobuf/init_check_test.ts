import { create } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { InitCheck } from "../../../src/protobuf/init_check.ts";
import { Order_CardSchema, Order_LineSchema, OrderSchema } from "./orders_pb.ts";

const check = new InitCheck(OrderSchema);

/** What is wrong with an initialiser of an order, or "nothing". */
function findingOf(init: unknown): string {
  try {
    check.check(init);
    return "nothing";
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return error.message;
  }
}

Deno.test("InitCheck finds fields that there are not, however deep", () => {
  const missing = (path: string) =>
    `Cannot encode "shop.v1.Order.${path}" as there is no such field`;
  assert.equal(findingOf({ ordreId: "o1" }), missing("ordreId"));
  assert.equal(findingOf({ order_id: "o1" }), missing("order_id"));
  assert.equal(findingOf({ price: { unit: 1n } }), missing("price.unit"));
  assert.equal(findingOf({ lines: [{ article: "a" }, { name: "b" }] }), missing("lines.name"));
  assert.equal(findingOf({ parts: { a: { name: "b" } } }), missing("parts.name"));
  const payment = { case: "card", value: { iban: "1" } };
  assert.equal(findingOf({ payment }), missing("payment.card.iban"));
});

Deno.test("InitCheck finds cases that there are not", () => {
  assert.equal(
    findingOf({ payment: { case: "cash", value: 1 } }),
    'Cannot encode "shop.v1.Order.payment" as it has no case "cash"',
  );
  assert.equal(
    findingOf({ payment: "card" }),
    'Cannot encode a value of the type string as "shop.v1.Order.payment"',
  );
  // The fields of a group are not fields of the initialiser.
  assert.match(findingOf({ voucher: "v1" }), /there is no such field$/);
});

Deno.test("InitCheck finds values that the encoder would turn into something else", () => {
  const wrong: Record<string, unknown> = {
    orderId: 7,
    gift: "no",
    signature: [1, 2],
    weight: "heavy",
    lines: { article: "a" },
    parts: [],
    price: "5 EUR",
    placedAt: "2026-01-01",
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.match(
      findingOf({ [name]: value }),
      new RegExp(`^Cannot encode .+ as "shop\\.v1\\.Order\\.${name}"$`),
    );
  }
  assert.match(findingOf({ lines: [{ article: 1 }] }), /as "shop\.v1\.Order\.lines\.article"$/);
  const payment = { case: "voucher", value: 5 };
  assert.match(findingOf({ payment }), /as "shop\.v1\.Order\.payment\.voucher"$/);
});

Deno.test("InitCheck finds messages of another type where one belongs", () => {
  const line = create(Order_LineSchema, { article: "a" });
  assert.equal(findingOf({ lines: [line] }), "nothing");
  assert.equal(
    findingOf({ lines: [create(Order_CardSchema)] }),
    'Cannot encode a message "shop.v1.Order.Card" as "shop.v1.Order.lines"',
  );
});

Deno.test("InitCheck finds nothing wrong with what is left out, and with what stands for itself", () => {
  const inits = [
    {},
    { orderId: undefined, price: null, lines: [], parts: {}, payment: { case: undefined } },
    { extra: { anything: [{ at: "all" }] }, note: "wrapped", floor: 1, total: 1n },
    create(OrderSchema, { orderId: "o1", lines: [{ article: "a" }] }),
  ];
  for (const init of inits) assert.equal(findingOf(init), "nothing");
});

Deno.test("InitCheck knows messages that contain their own type", () => {
  const recursive = new InitCheck(FileDescriptorProtoSchema);
  recursive.check({ messageType: [{ nestedType: [{ nestedType: [{ name: "Inmost" }] }] }] });
  assert.throws(() => recursive.check({ messageType: [{ nestedType: [{ nam: "Inner" }] }] }), {
    message:
      'Cannot encode "google.protobuf.FileDescriptorProto.messageType.nestedType.nam" as there is no such field',
  });
});
