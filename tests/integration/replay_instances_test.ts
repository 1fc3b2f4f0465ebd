import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { parseSse, type SseMessage } from "@sluice/cqrs/stream";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { TextLineStream } from "./outbox/lines.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

/** Starts an instance of the application. */
async function startInstance(database: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-all",
      new URL("replay/instance.ts", import.meta.url).pathname,
      database,
    ],
    env: { NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const { value: url = "" } = await lines.read();
  return {
    url,
    async kill(): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await lines.cancel();
    },
  };
}

/** Starts a run, and reads so many of its events. */
async function start(url: string, to: number, count: number) {
  const response = await fetch(`${url}/count`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ to }),
  });
  assert.ok(response.body);
  const events: SseMessage[] = [];
  for await (const event of parseSse(response.body)) {
    if (events.push(event) === count) break;
  }
  const run = response.headers.get("location") ?? "";
  return {
    events,
    path: new URL(run, `${url}/count`).search,
    last: events.at(-1)?.lastEventId ?? "",
  };
}

function resume(url: string, path: string, last: string): Promise<Response> {
  return fetch(`${url}/count${path}`, { headers: { "last-event-id": last } });
}

function numbersOf(events: readonly SseMessage[]): number[] {
  return events.filter(({ event }) => event === "item").map(({ data }) => JSON.parse(data));
}

interface Place extends AsyncDisposable {
  readonly database: string;
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  async Postgres() {
    const { url, drop } = await server.createDatabase();
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    await postgresStorage(fromPg(pool)).migrate();
    await pool.end();
    return { database: url, [Symbol.asyncDispose]: drop };
  },
  async "Deno KV"() {
    const folder = await Deno.makeTempDir();
    return {
      database: `${folder}/test.kv`,
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

for (const [name, open] of Object.entries(places)) {
  Deno.test(`a stream goes on at another instance, through ${name}`, async () => {
    await using place = await open();
    const first = await startInstance(place.database);
    const second = await startInstance(place.database);
    const to = 4_500; // what the connection has taken is still kept
    const started = await start(first.url, to, 101);
    const response = await resume(second.url, started.path, started.last);
    assert.equal(response.status, 200);
    assert.ok(response.body);
    const startedMs = performance.now();
    const rest: SseMessage[] = [];
    for await (const event of parseSse(response.body)) rest.push(event);
    const ms = performance.now() - startedMs;
    const numbers = [...numbersOf(started.events), ...numbersOf(rest)];
    assert.equal(numbers.length, to);
    assert.ok(numbers.every((n, index) => n === index + 1));
    assert.equal(rest.at(-1)?.event, "done");
    // deno-lint-ignore no-console -- the rate is for the reader of the test's output
    console.log(`${name}: ${Math.round(rest.length / ms * 1_000)} events/s at another instance`);
    await first.kill();
    await second.kill();
  });

  Deno.test(`a stream whose instance has died is gone, and nobody waits for it, through ${name}`, async () => {
    await using place = await open();
    const first = await startInstance(place.database);
    const second = await startInstance(place.database);
    const started = await start(first.url, 1_000_000, 11);
    const response = await resume(second.url, started.path, started.last);
    assert.ok(response.body);
    const events: SseMessage[] = [];
    for await (const event of parseSse(response.body)) {
      if (events.push(event) === 50) await first.kill();
    }
    assert.equal(events.at(-1)?.event, "stream_gone");
    const numbers = numbersOf([...started.events, ...events]);
    assert.ok(numbers.every((n, index) => n === index + 1));
    await second.kill();
  });
}
