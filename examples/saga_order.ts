/**
 * An order as a saga: stock is reserved, the card is charged, the parcel is sent, by three services
 * that know nothing of each other. What has been done is undone when a later step fails.
 *
 * Run it: deno run examples/saga_order.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, notification, type } from "@sluice/cqrs";
import { saga, SagaFailedError, type StepContext } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { z } from "zod";

const Placed = notification("order.placed", {
  topic: "orders",
  data: type<{ item: string; parcel: string }>(),
});

// The services. In earnest they are calls over a network, with the idempotency key in a header.
const stock = new Map([["lamp", 2], ["piano", 1]]);
const charged = new Map<string, number>();

function take({ item }: { item: string }): { left: number } {
  const left = (stock.get(item) ?? 0) - 1;
  if (left < 0) throw new RangeError(`There is no ${item} left`);
  stock.set(item, left);
  return { left };
}

/** A step as a class: the container builds it, and undoing belongs to doing. */
class Charge {
  act({ cents }: { cents: number }, { idempotencyKey }: StepContext): { receipt: string } {
    charged.set(idempotencyKey, cents); // once for each key, however often it is asked
    return { receipt: `R-${charged.size}` };
  }

  compensate(_context: object, { idempotencyKey }: StepContext): void {
    charged.delete(idempotencyKey); // nothing to do is no error
  }
}

const Order = saga("order", {
  version: 1,
  context: z.object({ item: z.string(), cents: z.number() }),
})
  .step("reserve", {
    act: take,
    compensate: ({ item }) => void stock.set(item, (stock.get(item) ?? 0) + 1),
  })
  .step("charge", Charge)
  .step("ship", ({ item, receipt }, { emit }) => {
    if (item === "piano") throw new Error("No courier carries a piano");
    const parcel = `${item}, paid by ${receipt}`; // what steps before have returned is there, typed
    emit(Placed({ item, parcel })); // stored with the step, in the outbox
    return { parcel };
  });

const storage = memoryStorage();
const app = bootstrap(handlers().saga(Order), { storage });

console.log("A lamp, whose progress somebody follows");
for await (const step of app.stream(Order({ item: "lamp", cents: 4_900 }, { id: "o1" }))) {
  const result = step.status === "completed" ? ` ${JSON.stringify(step.result)}` : "";
  console.log(`  ${step.name} ${step.status}${result}`);
}
console.log(`  lamps left: ${stock.get("lamp")}, messages: ${await pending()}`);

console.log("The same order once more: it is done already");
const { context } = await app.send(Order({ item: "lamp", cents: 4_900 }, { id: "o1" }));
console.log(`  ${context.parcel}`);
console.log(`  lamps left: ${stock.get("lamp")}, messages: ${await pending()}`);

console.log("A piano cannot be sent");
try {
  await app.send(Order({ item: "piano", cents: 900_000 }, { id: "o2" }));
} catch (error) {
  if (!(error instanceof SagaFailedError)) throw error;
  console.log(`  ${error.outcome.status}: ${error.outcome.error}`);
  for (const { step, status } of error.outcome.steps) console.log(`    ${step}: ${status}`);
  console.log(`  pianos left: ${stock.get("piano")}, payments: ${charged.size}`);
}

console.log("Its history");
const history = await app.sagas.history("o2");
for (const { number, action, step, status, error } of history?.log ?? []) {
  const words = [number, action, step, status, error].filter((word) => word !== undefined);
  console.log(`  ${words.join(" ")}`);
}

async function pending(): Promise<number> {
  return (await storage.outbox.statistics()).pending;
}
