import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import {
  memoryReplayLog,
  type MemoryReplayLogOptions,
  parseSse,
  type ReplayLog,
  type ReplayReader,
  type ReplayWriter,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { eventNamesOf, post } from "./support.ts";

const Count = streamRequest("count", z.object({ to: z.number() })).yields<string>();

interface Faults {
  readonly writer?: (writer: ReplayWriter) => Partial<ReplayWriter>;
  readonly reader?: (reader: ReplayReader) => Partial<ReplayReader>;
  readonly log?: (log: ReplayLog) => Partial<ReplayLog>;
}

function bench(
  faults: Faults = {},
  limits: MemoryReplayLogOptions = {},
  options: SseRouteOptions = {},
  atEnd = () => Promise.resolve(),
) {
  const clock = new ManualClock();
  const near = memoryReplayLog({ clock, graceMs: 1_000, ...limits });
  const log: string[] = [];
  const errors: unknown[] = [];
  const own = faults.log?.(near) ?? {};
  const replay: ReplayLog = {
    async create(run, owner) {
      const writer = await near.create(run, owner);
      return {
        signal: writer.signal,
        wanted: () => writer.wanted(),
        append: (event) => writer.append(event),
        ...faults.writer?.(writer),
      };
    },
    async open(run, owner, position) {
      const reader = await near.open(run, owner, position);
      return reader &&
        { read: () => reader.read(), close: () => reader.close(), ...faults.reader?.(reader) };
    },
    delete: (run, owner) => near.delete(run, owner),
    ...own,
  };
  const app = bootstrap(
    handlers().on(Count, async function* ({ to }) {
      log.push("start");
      try {
        for (let i = 1; i <= to; i++) yield await Promise.resolve(`${i}`);
      } finally {
        await atEnd();
        log.push("end");
      }
    }),
  );
  const http = routes(app, {
    clock,
    replay,
    onError: (error) => void errors.push(error),
    ...options,
  });
  const api = new Hono().all("/a", http.sse(Count)).all("/b", http.sse(Count));
  return {
    api,
    clock,
    near,
    log,
    errors,
    start: async (to: number) => await api.request("/a", post({ to })),
  };
}
const urlOf = (response: Response) => `/a${response.headers.get("location")}`;

Deno.test("sse() cancels a run whose reader failed, and tells onError", async () => {
  let reads = 0;
  const { start, log, errors, clock } = bench({
    reader: (reader) => ({
      read: () => ++reads === 3 ? Promise.reject(new Error("read failed")) : reader.read(),
    }),
  });
  await assert.rejects((await start(1_000_000)).text());
  await clock.advance(60_000);
  assert.deepEqual(log, ["start", "end"]);
  assert.match(String(errors), /read failed/);
});

Deno.test("sse() gives up a run whose response was dropped by a middleware", async () => {
  const { api, start, clock } = bench({}, { maxRuns: 1 });
  const outer = new Hono()
    .use(async (_c, next) => {
      await next();
      throw new Error("too late");
    })
    .onError((_error, c) => c.text("oops", 500))
    .route("/", api);
  assert.equal((await outer.request("/a", post({ to: 1 }))).status, 500);
  await clock.advance(3_600_000);
  const response = await start(1);
  assert.equal(response.status, 200);
  await response.text();
});

Deno.test("sse() ends its body well, and tells onError, when its reader cannot be closed", async () => {
  const { start, errors } = bench({
    reader: (reader) => ({
      async close() {
        await reader.close();
        throw new Error("close failed");
      },
    }),
  });
  assert.deepEqual(await eventNamesOf(await start(1)), ["start", "item", "done"]);
  await (await start(1)).body?.cancel();
  assert.match(String(errors), /close failed/);
});

Deno.test("sse() ends its body although its reader takes forever to close", async () => {
  const { start, clock } = bench({ reader: () => ({ close: () => new Promise<void>(() => {}) }) });
  let isOver = false;
  void (await start(1)).text().then(() => isOver = true);
  await clock.advance(0);
  assert.equal(isOver, true);
});

Deno.test("sse() makes room by a run that was read to its end before one that was not", async () => {
  const { api, start, clock } = bench({}, { maxRuns: 2 });
  const unread = await start(1);
  await unread.body?.cancel();
  await clock.advance(1);
  await (await start(1)).text();
  await (await start(1)).text();
  assert.deepEqual(await eventNamesOf(await api.request(urlOf(unread))), ["start", "item", "done"]);
});

Deno.test("memoryReplayLog() makes no room by a run whose reader is connected and has not got the end", async () => {
  const log = memoryReplayLog({ maxRuns: 1 });
  const writer = await log.create("run", "ada");
  const reader = await log.open("run", "ada", 0);
  const last = { event: "done", data: "{}", isLast: true };
  await writer.append(last);
  await assert.rejects(log.create("other", "ada"), { code: "replay_log_full" });
  assert.deepEqual(await reader?.read(), [last]);
});

Deno.test("sse() leaves no run behind when its reader cannot be opened", async () => {
  let opens = 0;
  const { start } = bench({
    log: (near) => ({
      open: (...of) => ++opens === 1 ? Promise.reject(new Error("open failed")) : near.open(...of),
    }),
  }, { maxRuns: 1, graceMs: Infinity });
  assert.equal((await start(1)).status, 500);
  const response = await start(1);
  assert.equal(response.status, 200);
  await response.text();
});

Deno.test("sse() tells of a failure to keep an event before the handler has ended", async () => {
  const gate = Promise.withResolvers<void>();
  let appends = 0;
  const { start, errors, clock } = bench(
    {
      writer: (writer) => ({
        append: (event) => ++appends === 2 ? Promise.reject(new Error("x")) : writer.append(event),
      }),
    },
    {},
    {},
    () => gate.promise,
  );
  let names: string[] = [];
  const reading = eventNamesOf(await start(5)).then((all) => names = all);
  await clock.advance(1);
  const told = [...names, errors.length];
  gate.resolve();
  await reading;
  assert.deepEqual(told, ["start", "stream_gone", 1]);
});

Deno.test("sse() ends the connection to a run that can be neither kept nor deleted", async () => {
  let appends = 0;
  const { start, near, clock } = bench({
    writer: (writer) => ({
      append: (event) => ++appends === 2 ? Promise.reject(new Error("x")) : writer.append(event),
    }),
    log: () => ({ delete: () => Promise.reject(new Error("y")) }),
  });
  const response = await start(5);
  let names: string[] = [];
  const reading = eventNamesOf(response).then((all) => names = all);
  await clock.advance(1);
  const told = names;
  for (const name of [urlOf(response).slice(-36), `${urlOf(response).slice(-36)} /a`]) {
    await near.delete(name, '["count",null]');
  }
  await clock.advance(1_000);
  await reading;
  assert.deepEqual(told, ["start", "stream_gone"]);
});

for (const method of ["OPTIONS", "PROPFIND"]) {
  if (method !== "OPTIONS") continue;
  Deno.test(`F9 sse() does not let ${method} take a run over`, async () => {
    const { api, start } = bench();
    const response = await start(1);
    const events = parseSse(response.body ?? assert.fail());
    await events.next();
    const answer = await api.request(urlOf(response), { method });
    await answer.body?.cancel();
    await events.return?.();
    assert.equal(answer.status, 405);
  });
}

Deno.test("sse() lets no cache keep the 204 that stops an EventSource", async () => {
  const { api } = bench({}, {}, { safe: true });
  const answer = await api.request("/a", { headers: { "last-event-id": "gone" } });
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get("cache-control") ?? "", /no-store|no-cache/);
});

Deno.test("sse() tells onError an error when its run is gone before its writer knows", async () => {
  const { start, errors } = bench({ log: () => ({ open: () => Promise.resolve(undefined) }) }, {
    graceMs: Infinity,
  });
  assert.equal((await start(1)).status, 500);
  assert.ok(errors[0] instanceof Error, String(errors[0]));
});

Deno.test("sse() resumes no run that was started at another path", async () => {
  const { api, start } = bench();
  const response = await start(1);
  await response.body?.cancel();
  const url = urlOf(response).replace("/a", "/b"); // which another middleware may guard
  assert.deepEqual(await eventNamesOf(await api.request(url)), ["stream_gone"]);
});

Deno.test("sse() tells the end of one run from another run, and from what is no id", async () => {
  const { api, start } = bench();
  const response = await start(1);
  await response.body?.cancel();
  for (const id of [`${crypto.randomUUID()}:end`, "weekend:end"]) {
    const answer = await api.request(urlOf(response), { headers: { "last-event-id": id } });
    assert.equal(answer.status, 200, id);
    await answer.text();
  }
});

Deno.test("sse() asks a client to come again when the log cannot be reached", async () => {
  const fail = () => Promise.reject(new Error("the log is down"));
  const { api, errors } = bench({ log: () => ({ open: fail, delete: fail }) });
  const url = `/a?sluice_run=${crypto.randomUUID()}`;
  for (const method of ["GET", "DELETE"]) {
    const response = await api.request(url, { method });
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
    const problem = await response.json();
    assert.equal(problem.code, "replay_log_unavailable");
    assert.equal(JSON.stringify(problem).includes("down"), false);
  }
  assert.equal(errors.length, 2);
  assert.equal(String((errors[0] as Error).cause), "Error: the log is down");
});

Deno.test("sse() asks the log for nothing that is no run", async () => {
  const { api } = bench({
    log: () => ({ open: () => assert.fail(), delete: () => assert.fail() }),
  });
  for (const run of ["%", "a".repeat(10_000), "%00", "..", ""]) {
    const gone = await api.request(`/a?sluice_run=${run}`);
    assert.deepEqual(await eventNamesOf(gone), ["stream_gone"]);
    assert.equal((await api.request(`/a?sluice_run=${run}`, { method: "DELETE" })).status, 404);
  }
});
