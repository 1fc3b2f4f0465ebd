import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import {
  memoryReplayLog,
  type MemoryReplayLogOptions,
  parseSse,
  type SseMessage,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { eventsOf, post, problemOf } from "./support.ts";

const Count = streamRequest("count", z.object({ to: z.number() })).yields<string>();

/** A server that counts, and what becomes of its runs. */
interface Bench {
  readonly api: Hono;
  readonly clock: ManualClock;
  /** What the handler has done: `start`, the numbers it was asked for, `end`. */
  readonly log: string[];
  /** Starts a run. */
  start(to: number): Promise<Response>;
  /** Comes back to a run. */
  back(run: string, lastEventId?: string): Promise<Response>;
}

/** A text that fills a chunk, so that no other event leaves together with it. */
const LARGE = "x".repeat(20_000);

function bench(
  options: SseRouteOptions = {},
  limits: MemoryReplayLogOptions = {},
  more = "\u{1f6df}",
): Bench {
  const clock = new ManualClock();
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Count, async function* ({ to }) {
      log.push("start");
      try {
        for (let i = 1; i <= to; i++) {
          log.push(`${i}`);
          yield await Promise.resolve(`item ${i} ${more}`);
        }
      } finally {
        log.push("end");
      }
    }),
  );
  const http = routes(app, { clock, replay: memoryReplayLog({ clock, ...limits }), ...options });
  const api = new Hono().all("/", http.sse(Count));
  return {
    api,
    clock,
    log,
    start: async (to) => await api.request("/", post({ to })),
    back: async (run, lastEventId) =>
      await api.request(`/?sluice_run=${run}`, {
        headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId },
      }),
  };
}

function runOf(response: Response): string {
  const run = /^\?sluice_run=([\da-f-]{36})$/.exec(response.headers.get("location") ?? "")?.[1];
  assert.ok(run !== undefined);
  return run;
}

/** Reads events until there are `count`, then cuts the connection. */
async function readEvents(response: Response, count: number): Promise<SseMessage[]> {
  assert.ok(response.body);
  const messages = parseSse(response.body);
  const events: SseMessage[] = [];
  while (events.length < count) {
    const { done, value } = await messages.next();
    if (done === true) break;
    events.push(value);
  }
  await messages.return?.();
  return events;
}

/** Reads the events that lie within the first `count` bytes, then cuts the connection. */
async function readBytes(response: Response, count: number): Promise<SseMessage[]> {
  assert.ok(response.body);
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  for (let left = count; left > 0;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value.subarray(0, left));
    left -= value.length;
  }
  await reader.cancel();
  return await Array.fromAsync(parseSse(new Blob(chunks.map((chunk) => chunk.slice())).stream()));
}

/** An event without the run in its id, which is random. */
function plain({ event, data, lastEventId }: SseMessage): string[] {
  return [event, event === "start" ? "" : data, lastEventId.replace(/^.*:/, "")];
}

async function uncut(to: number): Promise<string[][]> {
  const { start } = bench();
  return (await eventsOf(await start(to))).map(plain);
}

Deno.test("sse() names the URL of a run that can be resumed, in Location and in its first event", async () => {
  const { start } = bench();
  const response = await start(0);
  const run = runOf(response);
  const [first] = await eventsOf(response);
  assert.deepEqual(JSON.parse(first?.data ?? ""), { run, url: `?sluice_run=${run}` });
});

Deno.test("sse() gives the same events with a replay log as without", async () => {
  const app = bootstrap(
    handlers().on(Count, async function* ({ to }) {
      for (let i = 1; i <= to; i++) yield await Promise.resolve(`item ${i} \u{1f6df}`);
    }),
  );
  const api = new Hono().post("/", routes(app).sse(Count));
  const events = await eventsOf(await api.request("/", post({ to: 3 })));
  assert.deepEqual(events.map(plain), await uncut(3));
});

Deno.test("sse() resumes a run that was cut after any of its events, and runs it once", async () => {
  const expected = await uncut(4);
  for (let count = 0; count < expected.length; count++) {
    const { start, back, log } = bench();
    const response = await start(4);
    const before = await readEvents(response, count);
    const after = await eventsOf(await back(runOf(response), before.at(-1)?.lastEventId));
    assert.deepEqual([...before, ...after].map(plain), expected, `after ${count} events`);
    assert.deepEqual(log, ["start", "1", "2", "3", "4", "end"]);
  }
});

Deno.test("sse() resumes a run that was cut at any of its bytes, and runs it once", async () => {
  const whole = new TextEncoder().encode(await (await bench().start(3)).text());
  const expected = await uncut(3);
  for (let count = 0; count <= whole.length; count++) {
    const { start, back, log } = bench();
    const response = await start(3);
    const before = await readBytes(response, count);
    if (before.length === expected.length) continue; // it has the end
    const after = await eventsOf(await back(runOf(response), before.at(-1)?.lastEventId));
    assert.deepEqual([...before, ...after].map(plain), expected, `after ${count} bytes`);
    assert.deepEqual(log, ["start", "1", "2", "3", "end"]);
  }
});

Deno.test("sse() resumes a run that is cut after every single event", async () => {
  const expected = await uncut(5);
  const { start, back, log } = bench();
  const response = await start(5);
  const events = await readEvents(response, 1);
  while (events.length < expected.length) {
    events.push(...await readEvents(await back(runOf(response), events.at(-1)?.lastEventId), 1));
  }
  assert.deepEqual(events.map(plain), expected);
  assert.deepEqual(log, ["start", "1", "2", "3", "4", "5", "end"]);
});

Deno.test("sse() resumes a run that was cut at any byte of a heartbeat", async () => {
  const heartbeat = ": keep-alive\n\n";
  for (let count = 0; count <= heartbeat.length; count++) {
    const gate = Promise.withResolvers<string>();
    let runs = 0;
    const app = bootstrap(
      handlers().on(Count, async function* () {
        runs++;
        yield "first";
        yield await gate.promise;
      }),
    );
    const clock = new ManualClock();
    const http = routes(app, { clock, replay: memoryReplayLog({ clock }), heartbeatMs: 1_000 });
    const api = new Hono().all("/", http.sse(Count));
    const response = await api.request("/", post({ to: 0 }));
    assert.ok(response.body);
    const reader = response.body.getReader();
    let text = "";
    const decoder = new TextDecoder();
    while (!text.endsWith('data: "first"\n\n')) text += decoder.decode((await reader.read()).value);
    const beating = reader.read();
    await clock.timersPending();
    await clock.advance(1_000);
    const beat = decoder.decode((await beating).value);
    assert.equal(beat, heartbeat);
    await reader.cancel();
    gate.resolve("second");

    const seen = new TextEncoder().encode(text + beat.slice(0, count));
    const before = await Array.fromAsync(parseSse(new Blob([seen]).stream()));
    const resumed = await api.request(response.headers.get("location") ?? "", {
      headers: { "last-event-id": before.at(-1)?.lastEventId ?? "" },
    });
    const after = await eventsOf(resumed);
    assert.deepEqual([...before, ...after].map(({ event }) => event), [
      "start",
      "item",
      "item",
      "done",
    ]);
    assert.equal(runs, 1);
  }
});

Deno.test("sse() resumes a run with the Last-Event-ID alone, as an EventSource does", async () => {
  const { api, start, log } = bench({ safe: true });
  const response = await start(2);
  const [, first] = await readEvents(response, 2);
  const headers = { "last-event-id": first?.lastEventId ?? "" };
  const events = await eventsOf(await api.request("/", { headers }));
  assert.deepEqual(events.map(plain), (await uncut(2)).slice(2));
  assert.deepEqual(log, ["start", "1", "2", "end"]);
});

Deno.test("sse() gives a run from its beginning to a client that says nothing of what it has", async () => {
  const { start, back } = bench();
  const response = await start(2);
  await readEvents(response, 3);
  assert.deepEqual((await eventsOf(await back(runOf(response)))).map(plain), await uncut(2));
});

Deno.test("sse() gives the failure of a run to a client that comes back for it", async () => {
  const app = bootstrap(
    handlers().on(Count, async function* () {
      yield await Promise.resolve("1");
      throw new Error("secret");
    }),
  );
  const api = new Hono().all("/", routes(app, { replay: memoryReplayLog() }).sse(Count));
  const response = await api.request("/", post({ to: 0 }));
  const before = await readEvents(response, 2);
  const headers = { "last-event-id": before.at(-1)?.lastEventId ?? "" };
  const [failure, ...more] = await eventsOf(await api.request("/", { headers }));
  assert.equal(failure?.event, "failure");
  assert.equal(JSON.parse(failure.data).code, "internal");
  assert.deepEqual(more, []);
});

Deno.test("sse() answers a client that has the end with 204", async () => {
  const { start, back } = bench();
  const response = await start(1);
  const last = (await eventsOf(response)).at(-1);
  assert.equal((await back(runOf(response), last?.lastEventId)).status, 204);
});

for (
  const [what, run, lastEventId] of [
    ["a run that nobody knows", crypto.randomUUID(), undefined],
    ["a run that is no id", "x", undefined],
    ["an id that is none of ours", undefined, "17"],
    ["a number that is too large", undefined, `${crypto.randomUUID()}:9999999999999999999`],
    ["a run that differs from that of the id", crypto.randomUUID(), `${crypto.randomUUID()}:1`],
  ] as const
) {
  Deno.test(`sse() tells a client that comes back with ${what} that it is gone, and starts nothing`, async () => {
    const { api, log } = bench({ safe: true });
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await api.request(run === undefined ? "/" : `/?sluice_run=${run}`, {
      headers,
    });
    const [gone, ...more] = await eventsOf(response);
    assert.deepEqual([gone?.event, gone?.lastEventId, more], ["stream_gone", "gone", []]);
    assert.equal(JSON.parse(gone?.data ?? "").code, "stream_gone");
    assert.deepEqual(log, []);
  });
}

Deno.test("sse() tells a client that comes back after the grace period that its run is gone", async () => {
  const { start, back, log, clock } = bench({}, { maxEvents: 2, graceMs: 1_000 }, LARGE);
  const response = await start(100);
  const [first] = await readEvents(response, 1);
  await clock.advance(999);
  assert.equal(log.includes("end"), false);
  await clock.advance(1);
  assert.equal(log.at(-1), "end");
  const [gone] = await eventsOf(await back(runOf(response), first?.lastEventId));
  assert.equal(gone?.event, "stream_gone");
});

Deno.test("sse() lets a run go on while nobody reads, until the log is full", async () => {
  const { start, back, log, clock } = bench({}, { maxEvents: 4 }, LARGE);
  const response = await start(100);
  await readEvents(response, 2);
  await clock.advance(10);
  assert.deepEqual(log, ["start", "1", "2", "3"]);
  const run = runOf(response);
  const rest = await readEvents(await back(run, `${run}:1`), 50);
  assert.deepEqual(rest.map((message) => plain(message)[2]).slice(0, 3), ["2", "3", "4"]);
  assert.equal(rest.length, 50);
});

Deno.test("sse() asks a handler for no item before its reader does", async () => {
  const { start, log, clock } = bench();
  const response = await start(100_000);
  await clock.advance(10_000);
  assert.deepEqual(log, []);
  await readEvents(response, 1);
});

Deno.test("sse() cancels a run at once when its client asks for it", async () => {
  const { api, start, log } = bench({}, { maxEvents: 4 }, LARGE);
  const response = await start(100_000);
  await readEvents(response, 2);
  const run = runOf(response);
  const cancelled = await api.request(`/?sluice_run=${run}`, { method: "DELETE" });
  assert.equal(cancelled.status, 204);
  assert.equal(log.at(-1), "end");
  const again = await api.request(`/?sluice_run=${run}`, { method: "DELETE" });
  const problem = await problemOf(again);
  assert.deepEqual([problem.status, problem.code], [404, "stream_gone"]);
});

Deno.test("sse() tells a connected reader that its run was cancelled", async () => {
  const started = Promise.withResolvers<void>();
  let isAborted = false;
  const app = bootstrap(
    handlers().on(Count, async function* (_data, { signal }) {
      yield await new Promise<string>((_, reject) => {
        signal.addEventListener("abort", () => {
          isAborted = true;
          reject(signal.reason);
        });
        started.resolve();
      });
    }),
  );
  const api = new Hono().all("/", routes(app, { replay: memoryReplayLog() }).sse(Count));
  const response = await api.request("/", post({ to: 0 }));
  const events = eventsOf(response);
  await started.promise;
  await api.request(response.headers.get("location") ?? "", { method: "DELETE" });
  assert.deepEqual((await events).map(({ event }) => event), ["start", "stream_gone"]);
  assert.equal(isAborted, true);
});

Deno.test("sse() answers DELETE without a run, or without a replay log, with 405", async () => {
  const { api } = bench();
  assert.equal((await problemOf(await api.request("/", { method: "DELETE" }))).status, 405);
  const plainApi = bench({ replay: undefined }).api;
  const url = `/?sluice_run=${crypto.randomUUID()}`;
  assert.equal((await problemOf(await plainApi.request(url, { method: "DELETE" }))).status, 405);
});

Deno.test("sse() lets the newest connection to a run take it over", async () => {
  const { start, back } = bench({}, {}, LARGE);
  const response = await start(3);
  const old = parseSse(response.body ?? assert.fail());
  assert.equal((await old.next()).value?.event, "start");
  const fresh = await back(runOf(response));
  const names = (await eventsOf(fresh)).map(({ event }) => event);
  assert.deepEqual(names, ["start", "item", "item", "item", "done"]);
  const rest = await Array.fromAsync(old);
  assert.equal(rest.at(-1)?.event, "stream_gone");
});

Deno.test("sse() starts no run when the replay log is full, and says so", async () => {
  const { start, log } = bench({}, { maxRuns: 1 });
  const response = await start(1);
  const refused = await start(1);
  assert.equal(refused.headers.get("retry-after"), "5");
  const problem = await problemOf(refused);
  assert.deepEqual([problem.status, problem.code], [503, "replay_log_full"]);
  assert.deepEqual(log, []);
  await response.body?.cancel();
});

Deno.test("sse() lets only who started a run resume or cancel it", async () => {
  const { api, log } = bench({ principal: (c) => c.req.header("x-user") });
  const response = await api.request("/", post({ to: 2 }, { "x-user": "ada" }));
  const before = await readEvents(response, 2);
  const url = `/?sluice_run=${runOf(response)}`;
  const id = { "last-event-id": before.at(-1)?.lastEventId ?? "" };
  for (const headers of [{ ...id, "x-user": "eve" }, id]) {
    const [gone] = await eventsOf(await api.request(url, { headers }));
    assert.equal(gone?.event, "stream_gone");
    assert.equal((await api.request(url, { headers, method: "DELETE" })).status, 404);
  }
  const events = await eventsOf(await api.request(url, { headers: { ...id, "x-user": "ada" } }));
  assert.deepEqual(events.map(plain), (await uncut(2)).slice(2));
  assert.deepEqual(log, ["start", "1", "2", "end"]);
});

Deno.test("sse() resumes no run that a route for other messages started", async () => {
  const Other = streamRequest("other").yields<number>();
  const app = bootstrap(
    handlers()
      .on(Count, async function* () {
        yield await Promise.resolve("secret");
      })
      .on(Other, async function* () {}),
  );
  const http = routes(app, { replay: memoryReplayLog() });
  const api = new Hono().all("/secret", http.sse(Count)).all("/open", http.sse(Other));
  const response = await api.request("/secret", post({ to: 1 }));
  await response.body?.cancel();
  const [gone] = await eventsOf(await api.request(`/open?sluice_run=${runOf(response)}`));
  assert.equal(gone?.event, "stream_gone");
});

Deno.test("sse() answers as the principal's check says when it refuses", async () => {
  const { HTTPException } = await import("hono/http-exception");
  const { start, back, log } = bench({
    principal: () => {
      throw new HTTPException(401, { message: "Who are you?" });
    },
  });
  assert.equal((await start(1)).status, 401);
  assert.equal((await back(crypto.randomUUID())).status, 401);
  assert.deepEqual(log, []);
});

Deno.test("sse() ends a run that nobody reads when its application is disposed", async () => {
  const gate = Promise.withResolvers<void>();
  let isOver = false;
  const app = bootstrap(
    handlers().on(Count, async function* (_data, { signal }) {
      try {
        yield "1";
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          gate.resolve();
        });
      } finally {
        isOver = true;
      }
    }),
  );
  const clock = new ManualClock();
  const http = routes(app, { replay: memoryReplayLog({ clock }), clock });
  const api = new Hono().all("/", http.sse(Count));
  const response = await api.request("/", post({ to: 0 }));
  await readEvents(response, 2);
  await gate.promise;
  await app[Symbol.asyncDispose]();
  assert.equal(isOver, true);
  await clock.advance(0);
  assert.equal(clock.pendingTimers, 0);
});
