/**
 * The outbox on Deno KV: a handler's own reads and writes and its messages are one atomic operation.
 *
 * Give it a file to keep: deno run --allow-read --allow-write examples/outbox_deno_kv.ts orders.db
 *
 * Run it: deno run examples/outbox_deno_kv.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification, retry } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { z } from "zod";

const order = z.object({ item: z.string(), count: z.number().int().positive() });
const Order = command("stock.order", order);
const Ordered = notification("stock.ordered", {
  topic: "stock",
  data: order,
  key: ({ item }) => item,
});

const kv = await Deno.openKv(Deno.args[0] ?? ":memory:"); // on Deno Deploy without an argument
await kv.set(["stock", "apples"], 10);

const storage = denoKvStorage(kv);
await storage.migrate();

const stock = handlers()
  // Somebody else was faster: of ten at once, the last is at its tenth attempt.
  .use(retry({ maxAttempts: 10, when: (error) => Object(error).code === "concurrency" }))
  .use(transactional(storage))
  .on(Order, async ({ item, count }, { tx, emit }) => {
    // What is read here is checked at the commit; what is written waits for it.
    const { value } = await tx.client.get<number>(["stock", item]);
    const left = (value ?? 0) - count;
    if (left < 0) throw new RangeError(`There are ${value} ${item}, not ${count}`);
    tx.client.set(["stock", item], left);
    emit(Ordered({ item, count }));
  });
const app = bootstrap(stock);

// Ten orders at once: each sees what the others have left.
const orders = Array.from({ length: 10 }, () => app.send(Order({ item: "apples", count: 1 })));
await Promise.all(orders);
console.log(`Apples left: ${(await kv.get(["stock", "apples"])).value}`);
await app.send(Order({ item: "apples", count: 1 })).catch((error) => console.log(error.message));

const broker = memoryBroker();
const relay = outboxRelay({ storage, broker });
const { published } = await relay.tick({ budgetMs: 10_000 });
console.log(`Published: ${published}, at the broker: ${broker.messages("stock").length}`);
console.log(`Left in the outbox: ${(await storage.outbox.statistics()).pending}`);
kv.close();
