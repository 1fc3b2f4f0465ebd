/**
 * The progress of sagas over Server-Sent Events: an order that is followed to its end, one whose
 * connection is cut and that is followed from there by another server, and one that is undone.
 *
 * Run it: deno run --allow-net=127.0.0.1 examples/saga_sse.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers } from "@sluice/cqrs";
import { StreamFailureError, streamItems } from "@sluice/cqrs/client";
import { routes } from "@sluice/cqrs/hono";
import { saga } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { parseSse } from "@sluice/cqrs/stream";
import { Hono } from "hono";
import { z } from "zod";

class CardRefusedError extends Error {
  override readonly name = "CardRefusedError";
}

const parcelIsReady = Promise.withResolvers<void>();

const Order = saga("order", {
  version: 1,
  context: z.object({ item: z.string(), cents: z.number() }),
})
  .step("reserve", {
    act: ({ item }) => ({ reserved: item }),
    compensate: ({ reserved }) => void reserved, // the shop has it again
  })
  .step("charge", ({ cents }) => {
    if (cents > 10_000) throw new CardRefusedError("Card 4242 has a limit of 100.00"); // stays on the server
    return { paid: true };
  })
  .step("ship", async ({ item }) => {
    if (item === "sofa") await parcelIsReady.promise;
    return { parcel: `P-${item}` };
  });

const storage = memoryStorage(); // a database, where there are several processes

/** A server. All servers share what is stored, so each of them can tell how a saga gets on. */
function serve() {
  const app = bootstrap(handlers().saga(Order), { storage });
  const http = routes(app); // with `principal`, so that a saga belongs to who has started it
  const api = new Hono().all("/orders", http.sse(Order)).post("/sent", http.send(Order));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  return { server, url: `http://127.0.0.1:${server.addr.port}` };
}

const first = serve();
const second = serve();

console.log("A lamp is ordered");
for await (
  const { name, status } of streamItems(`${first.url}/orders`, Order({ item: "lamp", cents: 900 }))
) {
  console.log(`  ${name} ${status}`);
}

console.log("A sofa is ordered");
const started = await fetch(`${first.url}/orders`, {
  method: "POST",
  headers: { "content-type": "application/json", "idempotency-key": "sofa-1" },
  body: JSON.stringify({ item: "sofa", cents: 9_000 }),
});
const lastEventId = await show(started, 3);
console.log("  the connection is cut, and the order goes on");
await first.server.shutdown();

console.log("The other server knows how far it is");
parcelIsReady.resolve();
const run = started.headers.get("location");
await show(
  await fetch(`${second.url}/orders${run}`, { headers: { "last-event-id": lastEventId } }),
);

console.log("A car is ordered");
try {
  const items = streamItems(`${second.url}/orders`, Order({ item: "car", cents: 900_000 }));
  for await (const { name, status } of items) console.log(`  ${name} ${status}`);
} catch (error) {
  if (!(error instanceof StreamFailureError)) throw error;
  const { status, code, detail } = error.problem;
  console.log(`  ${status} ${code}: ${detail}`);
}

console.log("Whoever wants no progress gets the outcome");
const sent = await fetch(`${second.url}/sent`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ item: "chair", cents: 700 }),
});
const { status, context } = await sent.json();
console.log(`  ${sent.status} ${status}: ${context.parcel}`);

await second.server.shutdown();

/** Prints events, at most so many, and leaves. */
async function show({ body }: Response, count = Infinity): Promise<string> {
  if (body === null) throw new TypeError("The answer has no body");
  let last = "";
  for await (const { event, data, lastEventId } of parseSse(body)) {
    const { name, status } = JSON.parse(data);
    console.log(event === "item" ? `  ${name} ${status}` : `  ${event}`);
    last = lastEventId;
    if (--count === 0) break;
  }
  return last;
}
