/**
 * An application as it runs on Deno Deploy: KV and no other flag, several instances at once, nothing
 * that goes on between two requests, and an end that may come at any time.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, retry, type } from "@sluice/cqrs";
import { tickAfterResponse } from "@sluice/cqrs/background";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { routes, tickRoute } from "@sluice/cqrs/hono";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { Hono } from "hono";
import { ledgerPublisher } from "./ledger_publisher.ts";
import { Noted } from "./messages.ts";

const [path = "", ledgerUrl = "", name = "", secret = ""] = Deno.args;

const Note = command("note", type<{ key: string }>()).returns<number>();
const kv = await Deno.openKv(path);
const storage = denoKvStorage(kv);

const app = bootstrap(
  handlers()
    .use(retry({ maxAttempts: 20, when: (error) => Object(error).code === "concurrency" }))
    .use(transactional(storage))
    .on(Note, async ({ key }, { tx, emit }) => {
      const n = (await tx.client.get<number>(["count", key])).value ?? 0;
      tx.client.set(["count", key], n + 1);
      emit(Noted({ key, n }));
      return n;
    }),
);
const relay = outboxRelay({
  storage,
  broker: ledgerPublisher(ledgerUrl, name),
  leaseMs: 1_000,
  batchSize: 5,
});
const background = new Set<Promise<unknown>>();
const drain = tickAfterResponse(relay, { onError: () => {} });
const http = routes(app);
const api = new Hono()
  .post("/notes", async (_c, next) => {
    await next();
    drain({
      waitUntil(promise) {
        background.add(promise);
        promise.finally(() => background.delete(promise));
      },
    });
  }, http.send(Note))
  .post("/tick", tickRoute(relay, { secret, budgetMs: 5_000 }));

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, api.fetch);
// Five seconds later comes SIGKILL, whatever is under way.
Deno.addSignalListener("SIGINT", async () => {
  await server.shutdown();
  await Promise.all(background);
  kv.close();
  Deno.exit();
});
