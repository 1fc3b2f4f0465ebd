/**
 * A stream that outlives the way to its instance: it starts at one instance of an application, its
 * connection breaks, and it goes on at another, which reads the run from the first through Postgres.
 * The request runs once, where it started. Leaving at the other cancels it there.
 *
 * Both instances are in this process, each with a pool, a storage and a server of its own.
 *
 * Run it: DATABASE_URL=postgres://… deno run --allow-env --allow-net examples/postgres/streams_on_two_instances.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, streamRequest } from "@sluice/cqrs";
import { streamItems } from "@sluice/cqrs/client";
import { routes } from "@sluice/cqrs/hono";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { Hono } from "hono";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { z } from "zod";

const Report = streamRequest("report", z.object({ pages: z.number() }))
  .yields<{ page: number; instance: string }>();

const connectionString = Deno.env.get("DATABASE_URL");
let cameBack = Promise.withResolvers<void>(); // to the other instance
const cancelled = Promise.withResolvers<string>();

async function startInstance(instance: string) {
  const pool = new pg.Pool({ connectionString });
  pool.on("error", (error) => console.error(error.message));
  const storage = postgresStorage(fromPg(pool), { notify: true }); // instances wake each other
  await storage.migrate();
  const app = bootstrap(
    handlers().on(Report, async function* ({ pages }, { signal }) {
      console.log(`  instance ${instance} begins a report`);
      try {
        for (let page = 1; page <= pages; page++) {
          if (page === 4) await cameBack.promise; // this page takes long
          yield { page, instance };
        }
      } finally {
        if (signal.aborted) cancelled.resolve(instance);
      }
    }),
  );
  const http = routes(app, { replay: storage.replay, retryMs: 10 }); // and `principal`, in earnest
  const api = new Hono().all("/report", http.sse(Report));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    async stop() {
      await app[Symbol.asyncDispose]();
      await server.shutdown();
      await storage[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

const a = await startInstance("A");
const b = await startInstance("B");

/** What stands in front of the instances: a run starts at A; whatever comes later gets to B. */
let connection = new AbortController();
async function balancer(input: string, init: RequestInit = {}): Promise<Response> {
  const isStart = init.method === "POST";
  const { pathname, search } = new URL(input);
  console.log(`  ${init.method ?? "GET"} goes to instance ${isStart ? "A" : "B"}`);
  if (!isStart) cameBack.resolve();
  const response = await fetch(`${(isStart ? a : b).origin}${pathname}${search}`, init);
  const body = response.body?.pipeThrough(new TransformStream(), connection);
  return new Response(body, response);
}

/** Reads a report, over a connection that breaks after three pages. */
async function readReport(pages: number, leaveAt = pages): Promise<void> {
  cameBack = Promise.withResolvers();
  const request = Report({ pages });
  for await (const { page, instance } of streamItems(url, request, { fetch: balancer })) {
    console.log(`Page ${page}, by ${instance}`);
    if (page === leaveAt && page < pages) break;
    if (page !== 3) continue;
    connection.abort(new TypeError("The connection is lost"));
    connection = new AbortController();
  }
}

const url = "http://reports.example/report";
await readReport(6);
console.log("A huge report, whose reader has seen enough after five pages");
await readReport(1_000_000, 5);
console.log(`The run is cancelled at instance ${await cancelled.promise}`);
await a.stop();
await b.stop();
