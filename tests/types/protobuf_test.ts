import { type Codec, type DataOf, notification, type } from "@sluice/cqrs";
import {
  type ProtobufCodec,
  protobufCodec,
  protobufData,
  protobufInit,
  registryProtobufCodec,
  schemaRegistry,
} from "@sluice/cqrs/protobuf";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type OrderPlaced,
  type OrderPlaced_Line,
  OrderPlacedSchema,
} from "../../examples/protobuf/order_events_pb.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

type Init = MessageInitShape<typeof OrderPlacedSchema>;

const codec = protobufCodec(OrderPlacedSchema);
const Placed = notification("order.placed", {
  topic: "orders",
  data: protobufData(OrderPlacedSchema),
  key: ({ orderId }) => orderId,
  codec,
});
const Drafted = notification("order.drafted", {
  topic: "orders",
  data: protobufInit(OrderPlacedSchema),
  codec,
});

Deno.test("protobufData() describes messages, protobufInit() what initialises them", () => {
  expectType<Equals<DataOf<typeof Placed>, OrderPlaced>>();
  expectType<Equals<DataOf<typeof Drafted>, Init>>();
  compiled(() => [
    Placed(create(OrderPlacedSchema, { orderId: "o1", totalCents: 1n })),
    Drafted({ orderId: "o1", lines: [{ article: "lamp" }] }),
    Drafted(create(OrderPlacedSchema)),
    // @ts-expect-error: a message has all its fields
    Placed({ orderId: "o1" }),
    // @ts-expect-error: there is no such field
    Drafted({ ordreId: "o1" }),
    // @ts-expect-error: 64 bits are a bigint
    Drafted({ totalCents: 1 }),
  ]);
});

Deno.test("type() alone cannot describe a bigint, as JSON has no form for it", () => {
  compiled(() =>
    notification("order.placed", {
      topic: "orders",
      // @ts-expect-error: protobufData() can
      data: type<OrderPlaced>(),
      codec,
    })
  );
});

Deno.test("protobufCodec() and registryProtobufCodec() know the message", () => {
  expectType<Equals<typeof codec, ProtobufCodec<typeof OrderPlacedSchema>>>();
  compiled(async () => {
    const registry = schemaRegistry({ url: "http://registry.example" });
    const framed = registryProtobufCodec(OrderPlacedSchema, { registry });
    const any: Codec[] = [codec, framed];
    const { lines } = await framed.decode(await codec.encode({ orderId: "o1" }));
    expectType<Equals<typeof lines, OrderPlaced_Line[]>>();
    // @ts-expect-error: there is no such field
    await codec.encode({ ordreId: "o1" });
    return any;
  });
});
