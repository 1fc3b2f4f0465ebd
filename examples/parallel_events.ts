/**
 * A stream of orders whose events are handled in parallel.
 *
 * The events that are emitted before an item are dispatched before it is delivered, so whoever reads
 * an order knows that all its handlers are done. Of these at most `concurrency` run at a time.
 *
 * Run it: deno run examples/parallel_events.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  domainEvent,
  handlers,
  sleep,
  streamRequest,
  systemClock,
  type,
} from "@sluice/cqrs";

interface Order {
  id: string;
  cents: number;
}

const ProcessOrders = streamRequest("orders.process", type<{ orders: readonly Order[] }>())
  .yields<{ id: string; status: string }>();
const OrderProcessed = domainEvent("order.processed", type<Order>());
const OrderIsLarge = domainEvent("order.is_large", type<Order>());

/** Sees which services handlers have called, and how many of them at the same time. */
class Gauge {
  readonly done: string[] = [];
  most = 0;
  #running = 0;

  /** Stands for the call of another service, which takes a moment. */
  async call(service: string, signal: AbortSignal): Promise<void> {
    this.most = Math.max(this.most, ++this.#running);
    await sleep(systemClock, 1, signal);
    this.#running--;
    this.done.push(service);
  }
}

function ordersApp(gauge: Gauge, concurrency: number) {
  const registry = handlers()
    .on(ProcessOrders, async function* ({ orders }, { emit }) {
      for (const order of orders) {
        emit(OrderProcessed(order));
        if (order.cents > 10_000) emit(OrderIsLarge(order));
        yield { id: order.id, status: "processed" };
      }
    })
    .on(
      OrderProcessed,
      (_order, { signal }) => gauge.call("stock", signal),
      (_order, { signal }) => gauge.call("mail", signal),
      (_order, { signal }) => gauge.call("statistics", signal),
    )
    .on(OrderIsLarge, (_order, { signal }) => gauge.call("review", signal));
  return bootstrap(registry, { eventHandling: { concurrency } });
}

const orders: readonly Order[] = [
  { id: "A1", cents: 4_990 },
  { id: "A2", cents: 250_000 },
  { id: "A3", cents: 120 },
];

for (const concurrency of [1, 2, Infinity]) {
  console.log(`With a concurrency of ${concurrency}:`);
  const gauge = new Gauge();
  const app = ordersApp(gauge, concurrency);
  for await (const { id, status } of app.stream(ProcessOrders({ orders }))) {
    console.log(`  ${id} is ${status}, calls done: ${gauge.done.splice(0).join(", ")}`);
  }
  console.log(`  the most at the same time: ${gauge.most}`);
}

// A reader that has seen enough leaves the loop: what it has not asked for is never processed.
const gauge = new Gauge();
for await (const { id } of ordersApp(gauge, 2).stream(ProcessOrders({ orders }))) {
  console.log(`Leaving after ${id}:`);
  break;
}
console.log(`  calls in all: ${gauge.done.length}`);
