/**
 * An instance of an application whose sagas are followed over SSE. The first argument is its database, the
 * second the step in which it hangs, after the effect of the step.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers } from "@sluice/cqrs";
import { routes } from "@sluice/cqrs/hono";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { sagaRecovery } from "@sluice/cqrs/saga";
import { Hono } from "hono";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { orderOf } from "./messages.ts";

const [database = "", hangsIn = ""] = Deno.args;
const pool = new pg.Pool({ connectionString: database, max: 4 });
pool.on("error", () => {});

const Order = orderOf(async (step, key) => {
  await pool.query("INSERT INTO calls (step, key) VALUES ($1, $2)", [step, key]);
  await pool.query("INSERT INTO effects (key) VALUES ($1) ON CONFLICT DO NOTHING", [key]);
  if (step !== hangsIn) return;
  console.log(`hangs in ${step}`);
  await new Promise<void>(() => {});
});
const app = bootstrap(handlers().saga(Order), {
  storage: postgresStorage(fromPg(pool)),
  sagas: { leaseMs: 1_000, pollMs: 20 },
});
const http = routes(app, {
  principal: (c) => c.req.header("authorization"),
  onError: (error) => console.error(error),
});
const api = new Hono().all("/orders", http.sse(Order)).post("/sent", http.send(Order));
sagaRecovery(app, { backoffMs: 100 }).run({
  intervalMs: 50,
  onError: (error) => console.error(error),
});
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, api.fetch);
