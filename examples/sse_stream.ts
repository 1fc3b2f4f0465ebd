/**
 * A streaming request over HTTP, as Server-Sent Events: one answer that reaches its end, one that
 * fails, and one whose reader has seen enough and leaves.
 *
 * Run it: deno run --allow-net=127.0.0.1 examples/sse_stream.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, streamRequest } from "@sluice/cqrs";
import { routes } from "@sluice/cqrs/hono";
import { parseSse } from "@sluice/cqrs/stream";
import { Hono } from "hono";
import { z } from "zod";

interface Tick {
  symbol: string;
  cents: number;
}

const WatchPrice = streamRequest(
  "price.watch",
  z.object({ symbol: z.string(), ticks: z.number().int().default(Infinity) }),
).yields<Tick>();

class UnknownSymbolError extends Error {
  override readonly name = "UnknownSymbolError";
}

const prices = new Map([["ACME", 4_200]]);
const feedClosed = Promise.withResolvers<void>();

// The handler runs as fast as the client reads, and no faster.
const app = bootstrap(
  handlers().on(WatchPrice, async function* ({ symbol, ticks }) {
    const cents = prices.get(symbol);
    if (cents === undefined) throw new UnknownSymbolError(symbol);
    try {
      for (let tick = 0; tick < ticks; tick++) yield { symbol, cents: cents + tick };
    } finally {
      // Runs at the end, and also when the client has gone.
      if (ticks === Infinity) feedClosed.resolve();
    }
  }),
);

const http = routes(app, {
  mapError: (error) =>
    error instanceof UnknownSymbolError
      ? { status: 404, detail: `There is no symbol ${error.message}`, code: "unknown_symbol" }
      : undefined,
});

// One handler for all methods of the path: it knows itself what each of them may do.
const api = new Hono().all("/prices", http.sse(WatchPrice));
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);

async function watch(data: { symbol: unknown; ticks?: number }): Promise<Response> {
  console.log(`POST /prices ${JSON.stringify(data)}`);
  return await fetch(`http://127.0.0.1:${server.addr.port}/prices`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(data),
  });
}

/** The events of an answer; the body is cancelled when the loop is left. */
function eventsOf({ body }: Response) {
  if (body === null) throw new TypeError("The answer has no body");
  return parseSse(body);
}

for (const data of [{ symbol: "ACME", ticks: 3 }, { symbol: "NOPE" }]) {
  for await (const { event, data: text } of eventsOf(await watch(data))) {
    // The first event names the run, with an id that is new each time.
    console.log(event === "start" ? "  start" : `  ${event} ${text}`);
  }
}

for await (const { event, data } of eventsOf(await watch({ symbol: "ACME" }))) {
  if (event !== "item") continue;
  const { cents }: Tick = JSON.parse(data);
  console.log(`  the price is ${cents}`);
  if (cents > 4_200) break;
}
await feedClosed.promise;
console.log("  the client has left, and the handler has closed its feed");

// What is not valid is answered before a stream begins.
const refused = await watch({ symbol: 7 });
console.log(`  ${refused.status} ${refused.headers.get("content-type")}`);
await refused.body?.cancel();

await server.shutdown();
