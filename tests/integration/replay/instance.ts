/**
 * An instance of an application whose streams can be resumed on another one.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { bootstrap, handlers, streamRequest, type } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { routes } from "@sluice/cqrs/hono";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { Hono } from "hono";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";

const [database = ""] = Deno.args;

async function open() {
  if (!database.startsWith("postgres:")) return denoKvStorage(await Deno.openKv(database));
  const pool = new pg.Pool({ connectionString: database, max: 4 });
  pool.on("error", () => {});
  return postgresStorage(fromPg(pool), { notify: true });
}

export const Count = streamRequest("count", type<{ to: number }>()).yields<number>();
const storage = await open();
const app = bootstrap(
  handlers().on(Count, async function* ({ to }) {
    for (let n = 1; n <= to; n++) yield n;
  }),
);
const http = routes(app, { replay: storage.replay });
const api = new Hono().all("/count", http.sse(Count));
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, api.fetch);
