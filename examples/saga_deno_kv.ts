/**
 * Sagas on Deno KV: two instances of a service share them, as on Deno Deploy. One begins an order and
 * goes away, the other one finishes it; what its steps emit is in the outbox.
 *
 * Give it a file to keep: deno run --allow-read --allow-write examples/saga_deno_kv.ts sagas.db
 *
 * Run it: deno run examples/saga_deno_kv.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { saga, sagaRecovery } from "@sluice/cqrs/saga";

const order = type<{ item: string }>();
const orders = { topic: "orders", data: order, key: ({ item }: { item: string }) => item }; // in order
const Packed = notification("order.packed", orders);
const Sent = notification("order.sent", orders);

const kv = await Deno.openKv(Deno.args[0] ?? ":memory:"); // on Deno Deploy without an argument

/** One instance of the service; `instance` shows who has done what. */
function serve(instance: string) {
  const Order = saga("order", { version: 1, context: order })
    .step("pack", {
      async act({ item }, { idempotencyKey, emit }) {
        // The step may be tried again: what it writes is bound to its idempotency key.
        await kv.set(["parcel", idempotencyKey], { item });
        emit(Packed({ item }));
        return { packedBy: instance };
      },
      compensate: (_order, { idempotencyKey }) => kv.delete(["parcel", idempotencyKey]),
    })
    .step("send", ({ item }, { emit }) => {
      emit(Sent({ item }));
      return { sentBy: instance };
    });
  const storage = denoKvStorage(kv);
  const app = bootstrap(handlers().saga(Order), { storage });
  return { Order, storage, app };
}

const a = serve("A");
await a.storage.migrate();
for await (const step of a.app.stream(a.Order({ item: "lamp" }, { id: crypto.randomUUID() }))) {
  console.log(`A: ${step.name} ${step.status}`);
  break;
}
await a.app[Symbol.asyncDispose]();

const b = serve("B");
// Deno.cron("recover sagas", "* * * * *", cronHandler(sagaRecovery(b.app)));
const { completed } = await sagaRecovery(b.app).tick({ budgetMs: 10_000 });
console.log(`B: ${completed} completed`);
for (const { context, status } of await b.app.sagas.list({ limit: 1 })) {
  console.log(`${status}: ${context}`);
}

const broker = memoryBroker();
await outboxRelay({ storage: b.storage, broker }).tick({ budgetMs: 10_000 });
console.log(`Published: ${broker.messages("orders").map(({ type }) => type).join(", ")}`);
const parcels = await Array.fromAsync(kv.list({ prefix: ["parcel"] }));
console.log(`Parcels: ${parcels.length}`);
kv.close();
