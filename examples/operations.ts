/**
 * What a service needs in operation, over HTTP: a job in the background that a cron service drives,
 * checks of its health, a stream that only its own user can resume, and a webhook whose signature is
 * verified over the bytes that arrived.
 *
 * It sends its requests to itself, without a network. `Deno.serve(api.fetch)` would serve them.
 *
 * Run it: deno run examples/operations.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, domainEvent, handlers, streamRequest, type TickOptions } from "@sluice/cqrs";
import { healthRoute, type RouteData, routes, tickRoute } from "@sluice/cqrs/hono";
import { memoryReplayLog, parseSse } from "@sluice/cqrs/stream";
import { ManualClock } from "@sluice/cqrs/testing";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";

const clock = new ManualClock(); // stands still until it is moved; the default is that of the system
const secret = "dGhpcyBpcyBhIHNlY3JldA"; // of the environment, in earnest

const TrackParcel = streamRequest("parcel.track").yields<string>();
const ParcelPaid = domainEvent("parcel.paid", z.object({ id: z.string() }));
const app = bootstrap(
  handlers()
    .on(TrackParcel, async function* () {
      yield* ["packed", "sent", "delivered"];
    })
    .on(ParcelPaid, ({ id }) => console.log(`  event: parcel ${id} is paid`)),
);

// The job does bounded steps until its budget is spent. What is left is for the next tick.
let oldParcels = 250;
const purge = {
  async tick({ budgetMs, signal }: TickOptions) {
    const endMs = clock.now() + budgetMs;
    do {
      signal?.throwIfAborted();
      oldParcels -= Math.min(oldParcels, 100);
      await clock.advance(400); // a step takes that long
    } while (oldParcels > 0 && clock.now() < endMs);
    return { hasMore: oldParcels > 0, left: oldParcels };
  },
};

const database = () => {}; // is well, as it does not throw
const mail = () => Promise.reject(new Error("10.0.0.7:25 refused the connection"));

// Whoever sends the webhook signs the body with a key that both know.
const hmac = { name: "HMAC", hash: "SHA-256" };
const keyBytes = new TextEncoder().encode("a key that both know");
const key = await crypto.subtle.importKey("raw", keyBytes, hmac, false, ["sign", "verify"]);
const verified: RouteData<object> = async (c, { bytes, json }) => {
  const hex = c.req.header("x-signature")?.match(/[\da-f]{2}/g) ?? [];
  const signature = Uint8Array.from(hex, (byte) => parseInt(byte, 16));
  const isGenuine = await crypto.subtle.verify("HMAC", key, signature, await bytes());
  if (!isGenuine) throw new HTTPException(401, { message: "The signature is wrong" });
  return await json(); // of the same bytes, which are read once
};

const http = routes(app, {
  replay: memoryReplayLog(),
  principal: (c) => c.req.header("x-user"), // in earnest, what the authentication has found out
});
const api = new Hono()
  .post("/tick/purge", tickRoute(purge, { secret, budgetMs: 500, clock }))
  .get("/health", healthRoute({ database, mail }, { secret, clock }))
  .all("/parcel", http.sse(TrackParcel))
  .post("/paid", http.dispatch(ParcelPaid, verified));

async function call(method: string, path: string, how: string, init?: RequestInit): Promise<void> {
  console.log(`${method} ${path}, ${how}`);
  const response = await api.request(path, { ...init, method });
  console.log(`  ${response.status} ${await response.text()}`.trimEnd());
}

const withSecret = { headers: { authorization: `Bearer ${secret}` } };
await call("POST", "/tick/purge", "without the secret");
await call("POST", "/tick/purge", "with the secret", withSecret);
await call("POST", "/tick/purge", "with the secret", withSecret);
await call("GET", "/health", "without the secret");
await call("GET", "/health", "with the secret", withSecret);
await call("HEAD", "/health", "without the secret");

/** Reads at most `count` events of a stream, and returns the id with which it is resumed there. */
async function track(user: string, count: number, place = ""): Promise<string> {
  console.log(`POST /parcel, ${user} ${place === "" ? "for the first time" : "comes back"}`);
  const headers = { "x-user": user, "last-event-id": place };
  const { body } = await api.request("/parcel", { method: "POST", headers });
  if (body === null) throw new TypeError("The answer has no body");
  for await (const { event, data, lastEventId } of parseSse(body)) {
    // The first event names the run, with an id that is new each time.
    console.log(event === "start" ? "  start" : `  ${event} ${data}`);
    place = lastEventId;
    if (--count === 0) break;
  }
  return place;
}
const place = await track("ada", 2);
await track("bob", Infinity, place);
await track("ada", Infinity, place);

const body = JSON.stringify({ id: "p1" });
const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(body)));
const headers = { "content-type": "application/json", "x-signature": mac.toHex() };
await call("POST", "/paid", "as it was signed", { headers, body });
await call("POST", "/paid", "forged", { headers, body: body.replace("p1", "p2") });
await call("POST", "/paid", "without a signature", { body });
