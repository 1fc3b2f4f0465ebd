/**
 * A saga that waits: a holiday has to be approved by somebody, in two days at the latest. Nothing lives
 * while it waits, no process and no timer; what comes early is kept.
 *
 * Run it: deno run examples/saga_signals.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers } from "@sluice/cqrs";
import { saga, sagaRecovery } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";
import { z } from "zod";

const dayMs = 86_400_000;

const Holiday = saga("holiday", {
  version: 1,
  context: z.object({ who: z.string(), days: z.int() }),
})
  .step("plan", {
    act: ({ who }) => console.log(`  ${who} is away in the plan`),
    compensate: ({ who }) => console.log(`  ${who} is back in the plan`),
  })
  .waitFor("approval", {
    data: z.object({ approvedBy: z.string(), isApproved: z.boolean() }),
    timeoutMs: 2 * dayMs,
  })
  .step("book", ({ who, days, approvedBy, isApproved }) => {
    if (!isApproved) throw new Error(`${approvedBy} has refused`);
    console.log(`  ${who} has ${days} days off, says ${approvedBy}`);
  });

const clock = new ManualClock(); // it stands still until it is moved; the default is that of the system
const app = bootstrap(handlers().saga(Holiday), { storage: memoryStorage({ clock }), clock });
const recovery = sagaRecovery(app);

/** In earnest a loop, a cron or a tick behind the response to whoever has signalled. */
async function recover(id: string): Promise<void> {
  await recovery.tick({ budgetMs: 10_000 });
  const holiday = await app.sagas.get(id);
  console.log(`  ${id} is ${holiday?.status}${holiday?.error ? `: ${holiday.error}` : ""}`);
}

console.log("Ada asks for holidays, and has an answer the next day");
const answer = await app.send(Holiday({ who: "Ada", days: 3 }, { id: "h1" }));
console.log(`  h1 is ${answer.status}`);
await clock.advance(dayMs);
await app.sagas.signal("h1", "approval", { approvedBy: "Bob", isApproved: true });
await recover("h1");

console.log("An answer that makes no sense is refused, and she waits on");
await app.send(Holiday({ who: "Ada", days: 9 }, { id: "h2" }));
await app.sagas.signal("h2", "approval", { approvedBy: 7 }).catch(({ name, code }) => {
  console.log(`  ${name} (${code})`);
});
await recover("h2");
await app.sagas.signal("h2", "approval", { approvedBy: "Bob", isApproved: false });
await recover("h2");

console.log("Nobody answers Cleo");
await app.send(Holiday({ who: "Cleo", days: 1 }, { id: "h3" }));
await clock.advance(2 * dayMs);
await recover("h3");

console.log("And then somebody does, too late");
const told = await app.sagas.signal("h3", "approval", { approvedBy: "Bob", isApproved: true });
console.log(`  ${told}; late signals: ${(await app.sagas.statistics()).lateSignals}`);
