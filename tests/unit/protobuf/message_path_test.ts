import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { messageNameAt, messagePath } from "../../../src/protobuf/message_path.ts";
import { MoneySchema } from "./money_pb.ts";
import {
  Customer_Address_PlaceSchema,
  Customer_AddressSchema,
  CustomerSchema,
  file_orders,
  NothingSchema,
  Order_CardSchema,
  Order_LineSchema,
  OrderSchema,
} from "./orders_pb.ts";

/** The types of a file, with their paths in the compiled file and in the text. */
const paths = [
  [CustomerSchema, [0], [0]],
  // The entries of `labels` are a type of the compiled file, before this one.
  [Customer_AddressSchema, [0, 1], [0, 0]],
  [Customer_Address_PlaceSchema, [0, 1, 0], [0, 0, 0]],
  [OrderSchema, [1], [1]],
  [Order_LineSchema, [1, 1], [1, 0]],
  [Order_CardSchema, [1, 2], [1, 1]],
  [NothingSchema, [2], [2]],
  [MoneySchema, [0], [0]],
  [TimestampSchema, [0], [0]],
] as const;

Deno.test("messagePath() says where a type stands, with or without the entries of maps", () => {
  for (const [schema, counted, skipped] of paths) {
    assert.deepEqual(messagePath(schema, "counted"), counted, schema.typeName);
    assert.deepEqual(messagePath(schema, "skipped"), skipped, schema.typeName);
  }
});

Deno.test("messageNameAt() finds the type that messagePath() leads to", () => {
  for (const [schema, counted, skipped] of paths) {
    const file = schema.file.proto;
    assert.equal(messageNameAt(file, counted, "counted"), schema.typeName);
    assert.equal(messageNameAt(file, skipped, "skipped"), schema.typeName);
  }
});

Deno.test("messageNameAt() finds nothing where there is nothing", () => {
  for (const path of [[3], [0, 2], [2, 0], [0, 1, 0, 0]]) {
    assert.equal(messageNameAt(file_orders.proto, path, "counted"), undefined);
  }
});

Deno.test("messageNameAt() gives the bare name in a file without a package", () => {
  const file = { ...file_orders.proto, package: "" };
  assert.equal(messageNameAt(file, [0, 1], "counted"), "Customer.Address");
});
