/**
 * A step with a fallback: parcels go by courier, and by post while the courier is down. A circuit
 * breaker keeps orders from waiting for a courier that has failed again and again.
 *
 * Run it: deno run examples/saga_fallback.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, circuitBreaker, handlers, type } from "@sluice/cqrs";
import { saga, SagaFailedError, stepFallback } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";

const courier = { isUp: true, calls: 0 };

// It stands still until it is moved, so that this program need not wait. The default is that of the
// system.
const clock = new ManualClock();
const breaker = circuitBreaker({
  name: "courier",
  failureThreshold: 2,
  resetTimeoutMs: 60_000,
  clock,
  onStateChange: ({ from, to }) => console.log(`  the circuit was ${from} and is ${to}`),
});

const Order = saga("order", { version: 1, context: type<{ id: string; country: string }>() })
  .step("pack", () => ({ box: "small" }))
  .step(
    "ship",
    stepFallback(
      {
        act({ id, box }) {
          courier.calls++;
          if (!courier.isUp) throw new Error("The courier does not answer");
          return { parcel: `${id} by courier, ${box}` };
        },
        compensate: ({ parcel }) => console.log(`  the courier brings back ${parcel}`),
      },
      {
        act: ({ id, box }) => ({ parcel: `${id} by post, ${box}` }),
        compensate: ({ parcel }) => console.log(`  the post brings back ${parcel}`),
      },
      { circuitBreaker: breaker },
    ),
  )
  .step("declare", ({ country }) => {
    if (country === "Atlantis") throw new RangeError("The customs of Atlantis refuse it");
  });

const app = bootstrap(handlers().saga(Order), { storage: memoryStorage(), clock });

async function order(id: string, country = "Italy"): Promise<void> {
  console.log(`Order ${id} to ${country}, with the courier ${courier.isUp ? "up" : "down"}`);
  try {
    const { context } = await app.send(Order({ id, country }, { id }));
    console.log(`  ${context.parcel}`);
  } catch (error) {
    if (!(error instanceof SagaFailedError)) throw error;
    console.log(`  ${error.outcome.status}: ${error.outcome.error}`);
  }
}

await order("o1");
courier.isUp = false;
await order("o2");
await order("o3");
await order("o4");
courier.isUp = true;
await order("o5"); // the circuit is open still
console.log("A minute later");
await clock.advance(60_000);
await order("o6");
courier.isUp = false;
await order("o7", "Atlantis"); // the one that was done is undone, and not the other
console.log(`The courier was asked ${courier.calls} times`);

console.log("What the log of o2 says of the step");
const history = await app.sagas.history("o2");
for (const { step, part = "primary", status, error } of history?.log ?? []) {
  if (step === "ship") console.log(`  ${part} ${status}${error === undefined ? "" : `: ${error}`}`);
}
