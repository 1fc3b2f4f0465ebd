/**
 * The typed client: a command, a query and a stream over HTTP, whose types come from the messages
 * alone. The connection of the stream breaks twice on its way, and the stream goes on; its request
 * runs once. Whoever leaves the loop cancels the handler on the server.
 *
 * Run it: deno run --allow-net=127.0.0.1 examples/typed_client.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, query, streamRequest } from "@sluice/cqrs";
import { HttpProblemError, sendRequest, streamItems } from "@sluice/cqrs/client";
import { routes } from "@sluice/cqrs/hono";
import { memoryReplayLog } from "@sluice/cqrs/stream";
import { Hono } from "hono";
import { z } from "zod";

// Both ends share these. The client needs nothing else of the server.
const AddStop = command("route.add_stop", z.object({ city: z.string().min(1) }))
  .returns<{ stops: number }>();
const ReadRoute = query("route.read").returns<string[]>();
const Travel = streamRequest("route.travel", z.object({ stops: z.number().optional() }))
  .yields<{ city: string; stop: number }>();

const cities: string[] = [];
let journeys = 0;
const left = Promise.withResolvers<void>();
const app = bootstrap(
  handlers()
    .on(AddStop, ({ city }) => ({ stops: cities.push(city) }))
    .on(ReadRoute, () => cities)
    .on(Travel, async function* ({ stops = Infinity }, { signal }) {
      journeys++;
      signal.addEventListener("abort", () => left.resolve());
      for (let stop = 1; stop <= stops; stop++) {
        yield { city: cities[(stop - 1) % cities.length] ?? "nowhere", stop };
      }
    }),
);
const http = routes(app, { replay: memoryReplayLog(), retryMs: 10 });
const api = new Hono()
  .post("/stops", http.send(AddStop))
  .get("/stops", http.send(ReadRoute))
  .all("/journey", http.sse(Travel));
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
const url = `http://127.0.0.1:${server.addr.port}`;

for (const city of ["Lisbon", "Madrid", "Lyon", "Bern"]) {
  const { stops } = await sendRequest(`${url}/stops`, AddStop({ city }));
  console.log(`${city} is stop ${stops}`);
}
console.log(`The route: ${(await sendRequest(`${url}/stops`, ReadRoute())).join(", ")}`);

const error = await sendRequest(`${url}/stops`, AddStop({ city: "" })).catch((error) => error);
if (error instanceof HttpProblemError) console.log(`Refused with ${error.status}`);

/** A network that breaks: of the first two answers a part is missing. */
let breaks = 2;
async function badNetwork(input: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.body === null || breaks-- <= 0) return response;
  const text = await response.text();
  return new Response(text.slice(0, text.length / 2), response);
}

const options = {
  fetch: badNetwork,
  onStateChange({ state }: { state: string }) {
    if (state === "reconnecting") console.log("  the connection is lost");
  },
};
for await (const { city, stop } of streamItems(`${url}/journey`, Travel({ stops: 6 }), options)) {
  console.log(`Stop ${stop}: ${city}`);
}
console.log(`Journeys: ${journeys}`);

for await (const { city } of streamItems(`${url}/journey`, Travel({}))) {
  console.log(`Once more from ${city}, and that is enough`);
  break;
}
await left.promise;
console.log("The handler was cancelled");
await server.shutdown();
