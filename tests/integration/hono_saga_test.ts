import { type Fetch, type RemoteItemStream, streamItems } from "@sluice/cqrs/client";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { parseSse } from "@sluice/cqrs/stream";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { TextLineStream } from "./outbox/lines.ts";
import { orderOf } from "./saga_sse/messages.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const Order = orderOf(() => Promise.resolve());
type Item = ReturnType<typeof streamOf> extends RemoteItemStream<infer I> ? I : never;

/** A database with what the steps write outside of the storage. */
async function openDatabase() {
  const { url, drop } = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  await postgresStorage(fromPg(pool)).migrate();
  await pool.query("CREATE TABLE calls (id serial, step text, key text)");
  await pool.query("CREATE TABLE effects (key text PRIMARY KEY)");
  return {
    url,
    async rows(text: string): Promise<readonly unknown[]> {
      return (await pool.query({ text, rowMode: "array" })).rows;
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await drop();
    },
  };
}

/** Starts an instance of the application. */
async function startInstance(database: string, hangsIn = "") {
  const program = new URL("saga_sse/instance.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program, database, hangsIn],
    env: { NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const line = async () => (await lines.read()).value ?? "";
  const url = await line();
  return {
    url,
    line,
    async kill(): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await lines.cancel();
    },
  };
}

function streamOf(url: string, key: string, fetch: Fetch) {
  return streamItems(`${url}/orders`, Order({ item: "lamp" }), {
    fetch,
    headers: { authorization: "Ada", "idempotency-key": key },
    backoff: () => 20,
  });
}

/** What an item says, whatever its place in the log and its saga. */
function plain({ sagaId: _, number: __, ...item }: Item): unknown {
  return item;
}

Deno.test("the progress of a saga goes on at another instance when its server is killed in a step", async () => {
  await using database = await openDatabase();
  const first = await startInstance(database.url, "ship");
  const second = await startInstance(database.url); // its recovery takes nothing from one that lives
  const keysOf = (id: string) =>
    ["reserve", "charge", "ship", "tell"].map((step) => [`${id}/${step}`]);

  // What a load balancer does.
  let living = first.url;
  const balanced: Fetch = (url, init) => fetch(String(url).replace(first.url, living), init);
  const items = streamOf(first.url, "k1", balanced);
  const seen: Item[] = [];
  for (let step = 0; step < 2; step++) {
    const { value } = await items.next();
    assert.ok(value);
    seen.push(value);
  }
  const id = seen[0]?.sagaId ?? "";
  assert.equal(await first.line(), "hangs in ship");
  living = second.url;
  await first.kill();
  for await (const item of items) seen.push(item);

  const uncut = await Array.fromAsync(streamOf(second.url, "k2", fetch));
  assert.deepEqual(seen.map(plain), uncut.map(plain));
  assert.deepEqual(seen.map(({ name, status }) => `${name} ${status}`), [
    "reserve completed",
    "charge completed",
    "ship completed",
    "tell completed",
  ]);
  assert.ok(seen.every(({ number }, n) => number > (seen[n - 1]?.number ?? 0)));

  // The step that was cut was begun twice, under the same key: it has had its effect once.
  const calls =
    `SELECT key, count(*)::int FROM calls WHERE key LIKE '${id}/%' GROUP BY key ORDER BY min(id)`;
  const counts = [1, 1, 2, 1];
  assert.deepEqual(
    await database.rows(calls),
    keysOf(id).map(([key], step) => [key, counts[step]]),
  );
  const effects = await database.rows(`SELECT key FROM effects WHERE key LIKE '${id}/%'`);
  assert.deepEqual([...effects].sort(), keysOf(id).sort());
  await second.kill();
});

Deno.test("a saga that has ended is given again by another instance than the one that ran it, to who started it", async () => {
  await using database = await openDatabase();
  const first = await startInstance(database.url);
  const second = await startInstance(database.url);
  const whole = await Array.fromAsync(streamOf(first.url, "k1", fetch));
  await first.kill();
  assert.deepEqual(await Array.fromAsync(streamOf(second.url, "k1", fetch)), whole);

  const id = whole[0]?.sagaId ?? "";
  const resume = async (authorization: string, place: number | "end") => {
    const headers = { authorization, "last-event-id": `${id}:${place}` };
    return await fetch(`${second.url}/orders?sluice_run=${id}`, { headers });
  };
  const eventsOf = async ({ body }: Response) => {
    assert.ok(body);
    return (await Array.fromAsync(parseSse(body))).map(({ event }) => event);
  };
  const place = whole[2]?.number ?? 0;
  assert.deepEqual(await eventsOf(await resume("Ada", place)), ["item", "done"]);
  assert.deepEqual(await eventsOf(await resume("Bob", place)), ["stream_gone"]);
  assert.equal((await resume("Ada", "end")).status, 204);
  assert.deepEqual(await database.rows("SELECT count(*)::int FROM calls"), [[4]]);
  await second.kill();
});

Deno.test("a saga that is sent twice at once to two instances is run once, and both answer alike", async () => {
  await using database = await openDatabase();
  const instances = [await startInstance(database.url), await startInstance(database.url)];
  const bodies = await Promise.all(instances.map(async ({ url }) => {
    const response = await fetch(`${url}/sent`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "k1" },
      body: JSON.stringify({ item: "lamp" }),
    });
    assert.equal(response.status, 200);
    return await response.json();
  }));
  assert.deepEqual(bodies[0], bodies[1]);
  assert.equal(bodies[0].context.parcel, "P1");
  assert.deepEqual(await database.rows("SELECT count(*)::int FROM calls"), [[4]]);
  for (const instance of instances) await instance.kill();
});
