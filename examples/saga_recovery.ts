/**
 * Recovery: whoever left a saga, somebody else goes on with it, from what is stored. A loop does so in
 * a process that lives on, a cron where none does; each of them in as many processes as there are.
 *
 * Run it: deno run examples/saga_recovery.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, type } from "@sluice/cqrs";
import { cronHandler } from "@sluice/cqrs/background";
import { saga, sagaRecovery } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";

const Trip = saga("trip", { version: 1, context: type<{ to: string }>() })
  .step("hotel", {
    act: ({ to }, { idempotencyKey }) => ({ hotel: `in ${to} (${idempotencyKey})` }),
    compensate: ({ hotel }) => console.log(`  nobody sleeps ${hotel}`),
  })
  .step("train", { act: ({ to }) => ({ train: `to ${to}` }) })
  .step("ticket", ({ to }) => {
    if (to === "Atlantis") throw new RangeError("Atlantis has no station");
  });

const storage = memoryStorage(); // a database, where there are several processes
const ended = new Map(["t1", "t2", "t3"].map((id) => [id, Promise.withResolvers<void>()]));
const app = bootstrap(handlers().saga(Trip), {
  storage,
  observer(event) {
    if (event.type !== "saga_ended") return;
    console.log(`  ${event.id} is ${event.status}`);
    ended.get(event.id)?.resolve();
  },
});

/** Starts a trip, and leaves it after its first step. */
async function beginTrip(id: string, to: string): Promise<void> {
  for await (const step of app.stream(Trip({ to }, { id }))) {
    console.log(`  ${id}: ${step.name} ${step.status}, and the caller is gone`);
    break; // leaving is no failure: nothing is undone
  }
  const trip = await app.sagas.get(id);
  console.log(`  ${id} is ${trip?.status}, its context ${JSON.stringify(trip?.context)}`);
}

console.log("One at a time, by its id, with the context that is stored");
await beginTrip("t1", "Rome");
await app.sagas.recover("t1");
console.log("What has ended is not run again");
console.log(`  ${(await app.sagas.recover("t1")).status}`);

console.log("A loop, in a process that lives on");
await beginTrip("t2", "Paris");
const running = sagaRecovery(app, { maxAttempts: 5 }).run({
  intervalMs: 100,
  onError: (error) => console.error(error),
});
await ended.get("t2")?.promise;
await running[Symbol.asyncDispose]();

console.log("A cron, where nothing lives between requests");
await beginTrip("t3", "Atlantis");
const everyMinute = cronHandler(sagaRecovery(app, { names: ["trip"] }), {
  budgetMs: 50_000,
  onReport: ({ claimed, completed, compensated }) =>
    console.log(`  taken up ${claimed}: ${completed} completed, ${compensated} compensated`),
});
// Deno.cron("recover sagas", "* * * * *", everyMinute);
await everyMinute();
