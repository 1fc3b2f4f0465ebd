/**
 * Domain events: a command says what has happened, and any number of handlers react.
 *
 * What they emit in turn is dispatched level by level: first all events of the command, then all
 * that followed from those, and so on. The command's answer comes after the last of them.
 *
 * Run it: deno run examples/domain_events.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, domainEvent, EventHandlingError, handlers, type } from "@sluice/cqrs";

interface Order {
  id: string;
  customer: string;
  cents: number;
}

const PlaceOrder = command("order.place", type<Order>()).returns<{ id: string }>();
const OrderPlaced = domainEvent("order.placed", type<Order>());
const PointsEarned = domainEvent("points.earned", type<{ customer: string; points: number }>());
const StatusReached = domainEvent("status.reached", type<{ customer: string; status: string }>());

const points = new Map<string, number>();

const registry = handlers()
  .on(PlaceOrder, (order, { emit }) => {
    // Dispatched if the handler succeeds. If it throws, nothing has happened, and nobody hears of it.
    emit(OrderPlaced(order));
    if (order.cents <= 0) throw new RangeError("An order must cost something");
    return { id: order.id };
  })
  // One event, three handlers.
  .on(
    OrderPlaced,
    ({ id }) => console.log(`  level 1, stock: reserve what order ${id} needs`),
    ({ customer }) => {
      if (customer === "nobody") throw new Error("nobody@shop.example does not exist");
      console.log(`  level 1, mail: confirm to ${customer}`);
    },
    ({ customer, cents }, { emit }) => {
      console.log(`  level 1, points: count ${cents} for ${customer}`);
      emit(PointsEarned({ customer, points: cents }));
    },
  )
  .on(PointsEarned, (earned, { emit }) => {
    const total = (points.get(earned.customer) ?? 0) + earned.points;
    points.set(earned.customer, total);
    console.log(`  level 2, status: ${earned.customer} has ${total} points`);
    if (total >= 10_000) emit(StatusReached({ customer: earned.customer, status: "gold" }));
  })
  .on(
    StatusReached,
    ({ customer, status }) => console.log(`  level 3, mail: ${customer}, you are ${status}`),
  );

const app = bootstrap(registry);

console.log("Ada orders for 60.00:");
await app.send(PlaceOrder({ id: "A1", customer: "Ada", cents: 6_000 }));

console.log("Ada orders for 50.00:");
const { id } = await app.send(PlaceOrder({ id: "A2", customer: "Ada", cents: 5_000 }));
console.log(`Everything that follows from ${id} has been done`);

console.log("Ada orders for nothing:");
try {
  await app.send(PlaceOrder({ id: "A3", customer: "Ada", cents: 0 }));
} catch (error) {
  console.log(`  ${error}`);
}

// A handler that fails stops no other. After all of them the caller gets one error with every cause.
console.log("Nobody orders for 1.00:");
try {
  await app.send(PlaceOrder({ id: "N1", customer: "nobody", cents: 100 }));
} catch (error) {
  if (!(error instanceof EventHandlingError)) throw error;
  const { result, failures } = error;
  console.log(`The command succeeded: ${JSON.stringify(result)}`);
  for (const failure of failures) {
    console.log(`A handler of ${failure.event.type} failed: ${failure.error}`);
  }
}

// With the other policy the caller gets the answer, and only the observer learns of the failure.
const lenient = bootstrap(registry, {
  eventHandling: { onError: "isolate" },
  observer: (event) => {
    if (event.type === "failed") console.log(`Observed: ${event.message.type}: ${event.error}`);
  },
});
console.log("Nobody orders again, and failures are isolated:");
const order = await lenient.send(PlaceOrder({ id: "N2", customer: "nobody", cents: 100 }));
console.log(`Answer: ${JSON.stringify(order)}`);
