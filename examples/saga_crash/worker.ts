/**
 * A process that runs sagas: `start <id> <item>` begins one, `recover` goes on with all that are due,
 * until nothing is left. With `SLOW=charge` or `SLOW=refund` it stops right behind that effect, as a
 * process does whose machine is about to die: the bank has booked, and nobody has written that down.
 *
 * `main.ts` starts it.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, type } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { saga, SagaFailedError, sagaRecovery, type StepContext } from "@sluice/cqrs/saga";
import { Bank, type Booking } from "./bank.ts";

const [command, file, id = "", item = ""] = Deno.args;
const kv = await Deno.openKv(file);
const bank = new Bank(kv);

async function book(booking: Booking): Promise<void> {
  await bank.book(booking);
  if (Deno.env.get("SLOW") !== booking.what) return;
  console.log(`  the bank has booked the ${booking.what}, and the process is killed`);
  await new Promise(() => setInterval(() => {}, 1_000)); // until then
}

const Order = saga("order", { version: 1, context: type<{ item: string }>() })
  .step("charge", {
    async act(_order, { idempotencyKey, attempt }: StepContext) {
      await book({ what: "charge", key: idempotencyKey });
      return { receipt: `R${attempt}` };
    },
    compensate: (_order, { idempotencyKey }) => book({ what: "refund", key: idempotencyKey }),
  })
  .step("ship", ({ item }) => {
    if (item === "piano") throw new Error("No courier carries a piano");
  });

const storage = denoKvStorage(kv); // the ledger is in the same file, and none of its business
await storage.migrate();
const app = bootstrap(handlers().saga(Order), { storage, sagas: { leaseMs: 500 } });

if (command === "start") {
  await app.send(Order({ item }, { id })).catch((error) => {
    if (!(error instanceof SagaFailedError)) throw error;
  });
} else {
  const recovery = sagaRecovery(app);
  const { running, compensating } = await app.sagas.statistics();
  for (let left = running + compensating; left > 0;) {
    const report = await recovery.tick({ budgetMs: 10_000 });
    left -= report.completed + report.compensated;
    // Whoever has died holds its lease until that ends.
    if (report.claimed === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
kv.close();
