/**
 * Idempotency keys: a client that does not know whether its request has arrived sends it again with
 * the same key, and gets the answer of the first time. The payment is made once.
 *
 * Run it: deno run --allow-net=127.0.0.1 examples/idempotent_route.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers } from "@sluice/cqrs";
import { idempotent, inboxPurge } from "@sluice/cqrs/consumer";
import { routes } from "@sluice/cqrs/hono";
import { memoryStorage } from "@sluice/cqrs/storage";
import { Hono } from "hono";
import { z } from "zod";

const Pay = command("payment.make", z.object({ cents: z.int() })).returns<{ receipt: string }>();

const storage = memoryStorage(); // postgresStorage(…), denoKvStorage(…)
let isSlow = false;
const begun = Promise.withResolvers<void>();
const goOn = Promise.withResolvers<void>();

const app = bootstrap(
  handlers()
    // The answer commits with what the handler writes. Where several users may ask, `scope` says who does.
    .use(idempotent(storage, { isRequired: true, leaseMs: 30_000 }))
    .on(Pay, async ({ cents }, { tx }) => {
      if (isSlow) {
        begun.resolve();
        await goOn.promise;
      }
      const count = Number(await tx.client.get("payments") ?? 0) + 1;
      tx.client.set("payments", count);
      console.log(`  payment ${count}: ${cents} cents`);
      return { receipt: `R${count}` };
    }),
);
const api = new Hono().post("/payments", routes(app).send(Pay));
await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
const url = `http://127.0.0.1:${server.addr.port}/payments`;

async function pay(cents: number, key?: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...key && { "idempotency-key": key } },
    body: JSON.stringify({ cents }),
  });
  const { receipt, detail } = await response.json();
  const retryAfter = response.headers.get("retry-after");
  const wait = retryAfter === null ? "" : `, to be asked again after ${retryAfter} s at the latest`;
  console.log(`  ${response.status}: ${receipt ?? detail}${wait}`);
}

console.log("Ada pays, and does not get the answer");
await pay(500, "k1");
console.log("So she asks again");
await pay(500, "k1");
console.log("The same key does not do for something else");
await pay(700, "k1");
console.log("Without a key it is refused here");
await pay(700);
console.log("While a payment is being made, the same request has to wait");
isSlow = true;
const first = pay(700, "k2");
await begun.promise;
await pay(700, "k2");
goOn.resolve();
await first;
await pay(700, "k2");

console.log("Answers are kept for some days; then a job forgets them");
const purge = inboxPurge({ storage, retentionMs: 0 });
console.log(`  ${(await purge.tick({ budgetMs: 10_000 })).deleted} are gone`);
