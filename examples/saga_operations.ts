/**
 * Sagas that need somebody: one whose compensation has failed, one that was parked, one that is called
 * off. How they are found, and what can be decided about them. Every decision is in the log.
 *
 * Run it: deno run examples/saga_operations.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, type SagaReport, type } from "@sluice/cqrs";
import { saga, SagaFailedError, sagaHealth, sagaPurge, sagaRecovery } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";

let isBankUp = false;

const Order = saga("order", {
  version: 1,
  context: type<{ item: string }>(),
  compensateRetry: { maxAttempts: 2, backoff: { initialDelayMs: 1 } },
})
  .step("reserve", { act: () => ({ shelf: 7 }), compensate: () => {} })
  .step("charge", {
    act: () => ({ receipt: "R1" }),
    compensate() {
      if (!isBankUp) throw new Error("The bank does not answer");
    },
  })
  .step("gift", {
    act: () => {},
    compensate() {
      throw new Error("The gift was eaten"); // it will never be undone
    },
  })
  .step("ship", ({ item }) => {
    if (item === "piano") throw new Error("No courier carries a piano");
  });

const storage = memoryStorage();
const app = bootstrap(handlers().saga(Order), { storage });
const recovery = sagaRecovery(app);

console.log("Two steps cannot be undone; the others are");
await app.send(Order({ item: "piano" }, { id: "o1" })).catch((error) => {
  if (!(error instanceof SagaFailedError)) throw error;
  show(error.outcome);
});

console.log("A health check sees it");
const check = sagaHealth(storage, { maxFailed: 0, maxParked: 0 });
await check().catch(({ name, statistics }) =>
  console.log(`  ${name}: ${statistics.failed} failed`)
);

console.log("So somebody looks for it");
for (const { id, error } of await app.sagas.list({ status: "failed" })) {
  console.log(`  ${id}: ${error}`);
}

console.log("The bank is up again, and the gift is forgotten");
isBankUp = true;
await app.sagas.retryStep("o1", "charge", { reason: "The bank is up" });
await app.sagas.skipStep("o1", "gift", { reason: "Nobody wants it back" });
console.log(`  ${JSON.stringify(counts(await recovery.tick({ budgetMs: 10_000 })))}`);
show(await app.sagas.get("o1"));

console.log("An order that is called off half-way");
for await (const step of app.stream(Order({ item: "lamp" }, { id: "o2" }))) {
  if (step.name === "charge") break;
}
await app.sagas.compensate("o2", { reason: "The customer has called" });
await app.sagas.recover("o2");
show(await app.sagas.get("o2"));

console.log("An order whose steps nobody knows any more is parked, and goes on with them");
for await (const _step of app.stream(Order({ item: "vase" }, { id: "o3" }))) break;
const changed = saga("order", { version: 1, context: type<{ item: string }>() })
  .step("weigh", () => {})
  .step("reserve", () => {});
const other = bootstrap(handlers().saga(changed), { storage });
console.log(`  ${JSON.stringify(counts(await sagaRecovery(other).tick({ budgetMs: 10_000 })))}`);
for (const { id, parkedReason } of await app.sagas.list({ isParked: true })) {
  console.log(`  ${id} is parked: ${parkedReason}`);
}
await app.sagas.resume("o3", { reason: "The steps are back" });
await recovery.tick({ budgetMs: 10_000 });
show(await app.sagas.get("o3"));

console.log("What was decided about o1 stays in its log");
for (const { action, step, error } of (await app.sagas.history("o1"))?.log ?? []) {
  if (action === "retry" || action === "skip") console.log(`  ${action} ${step}: ${error}`);
}
console.log("Sagas that are done are forgotten some day");
const purge = sagaPurge({ storage, retentionMs: 0 }); // by default after 30 days
console.log(`  deleted: ${(await purge.tick({ budgetMs: 10_000 })).deleted}`);

function show(report: SagaReport | undefined): void {
  if (report === undefined) throw new Error("There is no such saga");
  console.log(`  ${report.id} is ${report.status}`);
  for (const { step, status, error } of report.steps) {
    console.log(`    ${step}: ${status}${error === undefined ? "" : ` (${error})`}`);
  }
}

/** The counts that are not 0. */
function counts(report: object): object {
  return Object.fromEntries(Object.entries(report).filter(([, count]) => count > 0));
}
