/**
 * The outbox where no process lives between two requests, as on Deno Deploy: a tick behind each
 * response publishes at once, one every minute sees to what is left, and one can be asked for by a
 * route.
 *
 * It sends its requests to itself, without a network. `Deno.serve(api.fetch)` would serve them.
 *
 * Run it: deno run examples/outbox_edge.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, memoryBroker, notification } from "@sluice/cqrs";
import { cronHandler, tickAfterResponse, type WaitUntilContext } from "@sluice/cqrs/background";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { healthRoute, routes, tickRoute } from "@sluice/cqrs/hono";
import { outboxHealth, outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { Hono } from "hono";
import { z } from "zod";

const secret = "dGhpcyBpcyBhIHNlY3JldA"; // of the environment, in earnest

const Subscribe = command("newsletter.subscribe", z.object({ mail: z.string() }));
const Subscribed = notification("newsletter.subscribed", {
  topic: "newsletter",
  data: z.object({ mail: z.string() }),
});

const kv = await Deno.openKv(":memory:"); // on Deno Deploy: Deno.openKv()
const storage = denoKvStorage(kv);
const broker = memoryBroker(); // in earnest, an adapter for the broker that others read from

const app = bootstrap(
  handlers().use(transactional(storage)).on(Subscribe, ({ mail }, { tx, emit }) => {
    tx.client.set(["subscriber", mail], { since: "2026-11-28" });
    emit(Subscribed({ mail }));
  }),
);

const relay = outboxRelay({ storage, broker, leaseMs: 10_000 });
const report = (error: unknown) => console.error(error);

// What a platform offers for work behind a response; `c.executionCtx` of Hono where there is one.
const background: Promise<unknown>[] = [];
const platform: WaitUntilContext = { waitUntil: (promise) => void background.push(promise) };
const drain = tickAfterResponse(relay, { budgetMs: 10_000, onError: report });

const http = routes(app);
const api = new Hono()
  .post(
    "/subscribers",
    async (_c, next) => {
      await next();
      drain(platform);
    },
    http.send(Subscribe),
  )
  .post("/tick", tickRoute(relay, { secret, budgetMs: 20_000 }))
  .get("/health", healthRoute({ outbox: outboxHealth(storage, { maxAgeMs: 120_000 }) }));

// Every minute, for what a process that has ended has left behind:
const everyMinute = cronHandler(relay, {
  budgetMs: 50_000,
  onReport: ({ published }) => console.log(`The cron publishes ${published}`),
});
// Deno.cron("relay", "* * * * *", everyMinute);

/** Asks for something to be done. */
function post(path: string, body?: object, headers: Record<string, string> = {}) {
  return api.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

await post("/subscribers", { mail: "ada@mail.example" });
await Promise.all(background);
console.log(`Behind the response: ${broker.messages("newsletter").length} published`);

await app.send(Subscribe({ mail: "bob@mail.example" })); // by a process that then died, say
await everyMinute();

await app.send(Subscribe({ mail: "cleo@mail.example" }));
const answer = await post("/tick", undefined, { authorization: `Bearer ${secret}` });
console.log(`The route: ${answer.status} ${await answer.text()}`);

const health = await api.request("/health");
console.log(`Health: ${health.status}`);
console.log(`At the broker: ${broker.messages("newsletter").length}`);
kv.close();
