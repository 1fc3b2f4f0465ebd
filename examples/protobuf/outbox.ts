/**
 * Protobuf: one outbox holds an event in protobuf beside one in JSON, as each brings its codec along,
 * and whoever consumes them decodes each by its own.
 *
 * The message is described in order_events.proto, and order_events_pb.ts is generated from it:
 * deno task generate:protobuf
 *
 * Run it: deno run examples/protobuf/outbox.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { protobufCodec, protobufData } from "@sluice/cqrs/protobuf";
import { memoryStorage } from "@sluice/cqrs/storage";
import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { OrderPlacedSchema } from "./order_events_pb.ts";

const codec = protobufCodec(OrderPlacedSchema);
const OrderPlaced = notification("order.placed", {
  topic: "orders",
  data: protobufData(OrderPlacedSchema), // messages, with a bigint in them, which JSON has no form for
  key: ({ orderId }) => orderId,
  codec,
});
const StockChanged = notification("stock.changed", {
  topic: "stock",
  data: type<{ article: string; left: number }>(), // in JSON, as no codec is named
  key: ({ article }) => article,
});

const PlaceOrder = command("order.place", type<{ orderId: string; article: string }>());

const storage = memoryStorage({ notifications: [OrderPlaced, StockChanged] });
const orders = handlers().use(transactional(storage)).on(
  PlaceOrder,
  ({ orderId, article }, { emit }) => {
    const placed = create(OrderPlacedSchema, {
      orderId,
      lines: [{ article, count: 2 }],
      totalCents: 9_007_199_254_740_993n, // more than a number holds exactly
      placedAt: timestampFromDate(new Date("2026-01-02T03:04:05Z")),
    });
    emit(OrderPlaced(placed), StockChanged({ article, left: 7 }));
  },
);

await bootstrap(orders).send(PlaceOrder({ orderId: "o1", article: "lamp" }));
console.log(`Stored: ${(await storage.outbox.statistics()).pending} messages`);

const broker = memoryBroker();
const relay = outboxRelay({ storage, broker });
console.log(`Published: ${(await relay.tick({ budgetMs: 20_000 })).published} messages`);

for (const { contentType, body } of broker.messages("stock")) {
  console.log(`stock: ${body.length} bytes of ${contentType}: ${new TextDecoder().decode(body)}`);
}
for (const { contentType, body } of broker.messages("orders")) {
  const { data } = await OrderPlaced.parse(await codec.decode(body));
  console.log(`orders: ${body.length} bytes of ${contentType}:`);
  console.log(`  ${data.orderId} of ${data.totalCents} cents`);
  console.log(`  placed at ${data.placedAt && timestampDate(data.placedAt).toISOString()}`);
  for (const { article, count } of data.lines) console.log(`  ${count} of "${article}"`);
}

// What is no message of this type is refused, instead of read as something else.
try {
  await codec.decode(new TextEncoder().encode('{"orderId":"o1"}'));
} catch (error) {
  console.log(`Refused: ${error instanceof Error ? error.message : error}`);
}
