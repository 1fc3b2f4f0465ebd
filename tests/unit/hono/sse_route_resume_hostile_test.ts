import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { ReplayedEvents } from "../../../src/hono/replayed_events.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import {
  memoryReplayLog,
  parseSse,
  type ReplayLog,
  type ReplayReader,
  type SseMessage,
} from "../../../src/stream/mod.ts";
import { ManualClock, replayLogCases } from "../../../src/testing/mod.ts";
import { eventNamesOf, eventsOf, post, problemOf } from "./support.ts";

const Count = streamRequest("count", z.object({ to: z.number() })).yields<string>();

function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

async function turns(count: number): Promise<void> {
  for (; count > 0; count--) await turn();
}

/** Gives integers from 0 to `max`, the same ones for the same seed. */
function randomOf(seed: number): (max: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return (max) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * (max + 1));
  };
}

type Calls = "create" | "open" | "delete" | "wanted" | "append" | "read" | "close";

/** The same log, whose calls `around` wraps: it may delay them, and what they resolve to, and fail. */
function wrapped(
  log: ReplayLog,
  around: <T>(call: Calls, work: () => Promise<T>) => Promise<T>,
): ReplayLog {
  return {
    create: (run, owner) =>
      around("create", async () => {
        const writer = await log.create(run, owner);
        return {
          signal: writer.signal,
          wanted: () => around("wanted", () => writer.wanted()),
          append: (event) => around("append", () => writer.append(event)),
        };
      }),
    open: (run, owner, position) =>
      around("open", async () => {
        const reader = await log.open(run, owner, position);
        return reader && {
          read: () => around("read", () => reader.read()),
          close: () => around("close", () => reader.close()),
        };
      }),
    delete: (run, owner) => around("delete", () => log.delete(run, owner)),
  };
}

/** A log that is as far away as a database: each call takes some turns there, and some back. */
function distant(log: ReplayLog, random: (max: number) => number, turnsMost: number): ReplayLog {
  return wrapped(log, async (_call, work) => {
    await turns(random(turnsMost));
    try {
      return await work();
    } finally {
      await turns(random(turnsMost));
    }
  });
}

/** A log of which one kind of call fails, before or after it was carried out. */
function failing(log: ReplayLog, call: Calls, nth: number, isAfter: boolean): ReplayLog {
  let count = 0;
  return wrapped(log, async (made, work) => {
    if (made !== call || ++count !== nth) return await work();
    if (isAfter) await work();
    throw new Error(`${call} failed`);
  });
}

function bench(options: SseRouteOptions = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  const errors: unknown[] = [];
  const app = bootstrap(
    handlers().on(Count, async function* ({ to }, { signal }) {
      log.push("start");
      try {
        for (let i = 1; i <= to; i++) {
          await turn();
          signal.throwIfAborted();
          yield `${i}`;
        }
      } finally {
        log.push("end");
      }
    }),
  );
  const http = routes(app, {
    clock,
    replay: memoryReplayLog({ clock, graceMs: 1_000 }),
    onError: (error) => void errors.push(error),
    ...options,
  });
  const api = new Hono().all("/", http.sse(Count));
  const start = async (to: number) => await api.request("/", post({ to }));
  return { api, app, clock, log, errors, start };
}

/** The URL of a run, and its id. */
function placeOf(response: Response): { readonly url: string; readonly run: string } {
  const query = response.headers.get("location") ?? assert.fail("no location");
  return { url: `/${query}`, run: query.replace("?sluice_run=", "") };
}

function back(lastEventId: string | undefined): RequestInit {
  return lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } };
}

/** Reads up to `count` events; gives them, and what leaves the connection. */
async function readSome(response: Response, count: number) {
  const messages = parseSse(response.body ?? assert.fail("no body"));
  const events: SseMessage[] = [];
  while (events.length < count) {
    const next = await messages.next().catch(() => undefined); // the connection broke
    if (next === undefined || next.done) break;
    events.push(next.value);
  }
  return { events, leave: async () => void await messages.return?.().catch(() => {}) };
}

/** A client that is cut again and again, and comes back each time; gives the events that it got. */
async function readWithCuts(
  api: Hono,
  random: (max: number) => number,
  to: number,
): Promise<SseMessage[]> {
  const events: SseMessage[] = [];
  let response = await api.request("/", post({ to }));
  if (response.status !== 200) return events;
  const { url } = placeOf(response);
  for (let connection = 0; connection < 50; connection++) {
    const { events: more, leave } = await readSome(response, connection > 30 ? 100 : random(4));
    const leaving = leave();
    if (random(1) === 0) await leaving; // else it comes back before the server knows that it left
    events.push(...more);
    const last = events.at(-1);
    if (["done", "failure", "stream_gone"].includes(last?.event ?? "")) break;
    if (random(4) === 0) {
      await (await readSome(await api.request(url, back(last?.lastEventId)), 0)).leave();
    }
    response = await api.request(url, back(last?.lastEventId));
  }
  return events;
}

function checkOrder(events: readonly SseMessage[], to: number, what: string): void {
  for (const [n, { event, data, lastEventId }] of events.entries()) {
    if (event === "item") assert.equal(`${n}/${data}`, `${n}/"${n}"`, what);
    if (event === "item") assert.equal(lastEventId.replace(/.*:/, ""), `${n}`, what);
    if (event === "done") assert.equal(n, to + 1, what);
  }
}

/** Lets everything happen that is due within `durationMs`, and what that leads to. */
async function pass(clock: ManualClock, durationMs: number): Promise<void> {
  await turns(60);
  await clock.advance(durationMs);
  await turns(60);
}

for (const { name, run } of replayLogCases) {
  Deno.test(`memoryReplayLog() from far away: ${name}`, async () => {
    const clock = new ManualClock();
    const limits = { graceMs: 1_000, maxAgeMs: 5_000, maxEvents: 4, maxRuns: 3, clock };
    const log = distant(memoryReplayLog(limits), randomOf(1), 2);
    await run({
      log,
      second: () => log,
      advance: (durationMs) => pass(clock, durationMs),
      async [Symbol.asyncDispose]() {},
    });
  });
}

Deno.test("sse() gives a client every event once and in order over a log that is far away, wherever it is cut", async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = randomOf(seed);
    const clock = new ManualClock();
    const maxEvents = [3, 5, 1_000][random(2)] ?? 1;
    const near = memoryReplayLog({ clock, graceMs: 1_000, maxEvents, maxAgeMs: 5_000 });
    const { api, log, errors } = bench({ replay: distant(near, random, random(3)), clock });
    const to = random(12);
    const events = await readWithCuts(api, random, to);
    checkOrder(events, to, `seed ${seed}`);
    const last = events.at(-1)?.event;
    assert.ok(last === "done" || (maxEvents < 1_000 && last === "stream_gone"), `seed ${seed}`);
    await pass(clock, 1_000);
    assert.deepEqual([log, errors, clock.pendingTimers], [["start", "end"], [], 0], `seed ${seed}`);
  }
});

for (const call of ["create", "open", "wanted", "append", "read", "close"] as const) {
  Deno.test(`sse() gives a client nothing twice, and runs nothing twice, when ${call}() of its log fails`, async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomOf(seed);
      const clock = new ManualClock();
      const near = memoryReplayLog({ clock, graceMs: 1_000, maxEvents: 5 });
      const replay = failing(distant(near, random, 2), call, 1 + random(5), random(1) === 0);
      const { api, log } = bench({ replay, clock });
      const events = await readWithCuts(api, random, 8);
      checkOrder(events, 8, `seed ${seed}`);
      await pass(clock, 1_000);
      assert.ok(log.length === 0 || `${log}` === "start,end", `seed ${seed}: ${log}`);
    }
  });
}

Deno.test("sse() tells the reader, the handler and onError when an event cannot be kept", async () => {
  const near = memoryReplayLog();
  const { api, start, log, errors } = bench({ replay: failing(near, "append", 3, false) });
  const response = await start(100_000);
  assert.deepEqual(await eventNamesOf(response), ["start", "item", "stream_gone"]);
  assert.deepEqual(log, ["start", "end"]);
  assert.match(String(errors), /^Error: append failed$/);
  const again = await api.request(placeOf(response).url, { method: "DELETE" });
  assert.equal(again.status, 404);
});

Deno.test("sse() tells onError when a run that failed cannot be deleted", async () => {
  const near = memoryReplayLog();
  const replay = failing(failing(near, "append", 1, false), "delete", 1, true);
  const { start, errors } = bench({ replay });
  await (await start(1)).text();
  await turn();
  assert.match(String(errors), /^Error: append failed,Error: delete failed$/);
});

Deno.test("sse() starts nothing when its run is gone before it can be read", async () => {
  const near = memoryReplayLog();
  const replay: ReplayLog = {
    ...wrapped(near, (_call, work) => work()),
    async open(run, owner) {
      await near.delete(run, owner);
      return undefined;
    },
  };
  const { start, log, errors } = bench({ replay });
  assert.equal((await problemOf(await start(1))).status, 500);
  assert.match(String(errors), /^AbortError/);
  assert.deepEqual(log, []);
});

Deno.test("sse() has the runtime wait for a run until it has ended, but not longer", async () => {
  for (const end of ["read", "cancelled", "abandoned"]) {
    const { api, clock, errors } = bench();
    const kept: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => void kept.push(work);
    const context = { waitUntil, passThroughOnException() {}, props: {} };
    const response = await api.request("/", post({ to: 3 }), {}, context);
    assert.equal(kept.length, 1);
    if (end === "read") await response.text();
    if (end === "cancelled") await api.request(placeOf(response).url, { method: "DELETE" });
    if (end !== "read") await response.body?.cancel();
    if (end === "abandoned") await clock.advance(1_000);
    await Promise.all(kept);
    assert.deepEqual(errors, []);
  }
});

Deno.test("sse() disconnects from its log when it has sent the end, and asks it for nothing more", async () => {
  const calls: Calls[] = [];
  const replay = wrapped(memoryReplayLog({ maxEvents: 1 }), (call, work) => {
    calls.push(call);
    return work();
  });
  await (await bench({ replay }).start(1)).text();
  await turn();
  assert.equal(calls.at(-1), "close");
  assert.equal(calls.filter((call) => call === "wanted").length, 3);
});

Deno.test("sse() gives all of the many events that were kept while nobody read", async () => {
  const { api, start, clock, log } = bench();
  const response = await start(1_000);
  await response.body?.cancel();
  while (!log.includes("end")) await turn();
  await clock.advance(1_000);
  const resumed = await api.request(placeOf(response).url);
  assert.equal(resumed.headers.get("location"), response.headers.get("location"));
  const events = await eventsOf(resumed);
  checkOrder(events, 1_000, "kept");
  assert.equal(events.length, 1_002);
});

Deno.test("sse() gives a run to one of two connections that come at once", async () => {
  const { api, start, log } = bench();
  const response = await start(3);
  await (await readSome(response, 1)).leave();
  const { url } = placeOf(response);
  const both = await Promise.all([api.request(url), api.request(url)]);
  const names = (await Promise.all(both.map(eventNamesOf))).sort((a, b) => a.length - b.length);
  assert.deepEqual(names, [["stream_gone"], ["start", "item", "item", "item", "done"]]);
  assert.deepEqual(log, ["start", "end"]);
});

Deno.test("sse() tells nobody from a client whose name is empty or a word of its own", async () => {
  const { api, start } = bench({ principal: (c) => c.req.header("x-user") });
  const response = await start(1);
  const { url } = placeOf(response);
  for (const user of ["", "null", "undefined"]) {
    const other = await api.request(url, { headers: { "x-user": user } });
    assert.deepEqual(await eventNamesOf(other), ["stream_gone"]);
    const cancelled = await api.request(url, { method: "DELETE", headers: { "x-user": user } });
    assert.equal(cancelled.status, 404);
  }
  assert.deepEqual(await eventNamesOf(response), ["start", "item", "done"]);
});

Deno.test("sse() leaves a connected reader alone when others ask in vain for its run", async () => {
  const { api, start, log } = bench();
  const response = await start(2);
  const { run, url } = placeOf(response);
  const reader = parseSse(response.body ?? assert.fail());
  await reader.next();
  const ended = await start(1);
  const other = placeOf(ended).run;
  await ended.text();
  assert.equal((await api.request(url, { method: "HEAD" })).status, 200);
  for (
    const id of [
      `x${run}:0`,
      `${run}:0x`,
      `${run}:-1`,
      `${run}:1e0`,
      `${run}:00000000000000000`,
      `${run.toUpperCase()}:0`,
      `${run}:7`,
      `${run}`,
      `${run}end`,
      `${other}:0`,
      "weekend",
    ]
  ) {
    const answer = await api.request(url, back(id));
    assert.deepEqual(await eventNamesOf(answer), ["stream_gone"], id);
  }
  const rest = await Array.fromAsync(reader);
  assert.deepEqual(rest.map(({ event }) => event), ["item", "item", "done"]);
  assert.equal(log.length, 4);
});

Deno.test("sse() starts nothing for a run that is no id, and repeats nothing of it in its headers", async () => {
  const { api, log } = bench({ safe: true });
  for (const run of ["", "\r\nset-cookie: a=b", "\u0000", "../..", "x".repeat(8_000), "%", "🛟"]) {
    const query = `sluice_run=${encodeURIComponent(run)}`;
    for (const url of [`/?${query}`, `/?to=1&${query}&sluice_run=${crypto.randomUUID()}`]) {
      for (const init of [{}, post({ to: 1 })]) {
        const answer = await api.request(url, init);
        assert.equal(answer.headers.get("location") ?? answer.headers.get("set-cookie"), null);
        assert.deepEqual(await eventNamesOf(answer), ["stream_gone"]);
      }
    }
  }
  assert.deepEqual(log, []);
});

Deno.test("sse() gives a connected reader the failure of a run that its application's end cuts off", async () => {
  const { app, start, log } = bench();
  const response = await start(1_000_000);
  await readSome(response.clone(), 3);
  await app[Symbol.asyncDispose]();
  assert.deepEqual(log, ["start", "end"]);
  assert.equal((await eventsOf(response)).at(-1)?.event, "failure");
});

Deno.test("ReplayedEvents gives nothing that comes after it was left", async () => {
  const late = Promise.withResolvers<[{ event: string; data: string; isLast: boolean }]>();
  const reader: ReplayReader = { read: () => late.promise, close: async () => {} };
  const events = new ReplayedEvents("run", reader, 0, { event: "gone", data: "" });
  const next = events.next();
  await events.return();
  late.resolve([{ event: "item", data: "1", isLast: false }]);
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});
