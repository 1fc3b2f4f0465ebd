import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, query, streamRequest } from "../../../mod.ts";
import { type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { eventNamesOf, problemOf } from "./support.ts";

const Rename = command("rename").returns<string>();
const Read = query("read").returns<string>();
const Watch = streamRequest("watch").yields<number>();

/** Routes that take every method, and what has happened behind them. */
function serve(options?: RouteOptions) {
  const steps: string[] = [];
  const clock = new ManualClock();
  const app = bootstrap(
    handlers()
      .on(Rename, () => (steps.push("rename"), "renamed"))
      .on(Read, () => (steps.push("read"), "read"))
      .on(Watch, async function* () {
        steps.push("watch");
        yield await Promise.resolve(1);
      }),
    { onStartup: [() => void steps.push("start-up")] },
  );
  const http = routes(app, { clock });
  const api = new Hono()
    .all("/rename", http.send(Rename, options ?? {}))
    .all("/read", http.send(Read, options ?? {}))
    .all("/watch", http.sse(Watch, options ?? {}));
  return {
    app,
    steps,
    clock,
    request: async (method: string, path: string) => await api.request(path, { method }),
  };
}

/** The problem in an answer that refuses a method. */
async function refusalOf(response: Response) {
  const { status, code, detail } = await problemOf(response);
  return { status, code, detail, allow: response.headers.get("allow") };
}

for (
  const [method, path] of [
    ["GET", "/rename"],
    ["QUERY", "/rename"],
    ["OPTIONS", "/rename"],
    ["OPTIONS", "/read"],
    ["GET", "/watch"],
    ["QUERY", "/watch"],
    ["OPTIONS", "/watch"],
    ["DELETE", "/watch"],
    ["PROPFIND", "/rename"],
    ["PROPFIND", "/read"],
    ["PROPFIND", "/watch"],
    ["SEARCH", "/read"],
    ["MKCOL", "/rename"],
    ["patch", "/rename"],
  ] as const
) {
  Deno.test(`routes() answer ${method} ${path} with 405 and run nothing`, async () => {
    const { request, steps } = serve();
    assert.deepEqual(await refusalOf(await request(method, path)), {
      status: 405,
      code: "method_not_allowed",
      detail: `The method ${method} is not allowed here`,
      allow: path === "/read" ? "GET, HEAD, POST" : "POST",
    });
    assert.deepEqual(steps, []);
  });
}

Deno.test("routes() answer HEAD as GET when it may not run a command", async () => {
  const { request, steps } = serve();
  const response = await request("HEAD", "/rename");
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "POST");
  assert.equal(response.body, null);
  assert.deepEqual(steps, []);
});

for (
  const [method, path, step] of [
    ["GET", "/read", "read"],
    ["HEAD", "/read", "read"],
    ["QUERY", "/read", "read"],
    ["POST", "/read", "read"],
    ["POST", "/rename", "rename"],
    ["PUT", "/rename", "rename"],
    ["PATCH", "/rename", "rename"],
    ["DELETE", "/rename", "rename"],
  ] as const
) {
  Deno.test(`routes() run what ${method} ${path} asks for`, async () => {
    const { request, steps } = serve();
    const response = await request(method, path);
    assert.equal(response.status, 200);
    assert.deepEqual(steps, ["start-up", step]);
    await response.body?.cancel();
  });
}

for (const [method, path, step] of [["GET", "/rename", "rename"], ["GET", "/watch", "watch"]]) {
  Deno.test(`routes() run what ${method} ${path} asks for when it is declared safe`, async () => {
    const { request, steps } = serve({ safe: true });
    const response = await request(method ?? "", path ?? "");
    assert.equal(response.status, 200);
    await response.text();
    assert.deepEqual(steps, ["start-up", step]);
  });
}

Deno.test("routes() refuse a query over GET that is declared not to be safe", async () => {
  const { request, steps } = serve({ safe: false });
  const { status, allow } = await refusalOf(await request("GET", "/read"));
  assert.deepEqual([status, allow, steps], [405, "POST", []]);
});

Deno.test("routes() name GET among the methods of a stream that is declared safe", async () => {
  const { request } = serve({ safe: true });
  const { status, allow } = await refusalOf(await request("DELETE", "/watch"));
  assert.deepEqual([status, allow], [405, "GET, HEAD, POST"]);
});

for (const method of ["POST", "PUT", "PATCH"]) {
  Deno.test(`sse() starts a run for ${method}`, async () => {
    const { request } = serve();
    assert.deepEqual(await eventNamesOf(await request(method, "/watch")), [
      "start",
      "item",
      "done",
    ]);
  });
}

for (const safe of [true, false]) {
  Deno.test(`sse() answers HEAD with the headers and leaves nothing running, safe: ${safe}`, async () => {
    const { app, clock, request, steps } = serve({ safe });
    const response = await request("HEAD", "/watch");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(response.body, null);
    await clock.advance(60_000);
    assert.equal(clock.pendingTimers, 0);
    assert.deepEqual(steps, []);
    await app[Symbol.asyncDispose]();
  });
}

Deno.test("mapError() decides how a method is refused, and Allow stays with the status 405", async () => {
  const app = bootstrap(handlers().on(Rename, () => "renamed"));
  for (const [status, allow] of [[405, "POST"], [404, null]] as const) {
    const http = routes(app, { mapError: () => ({ status }) });
    const response = await new Hono().get("/", http.send(Rename)).request("/");
    assert.equal((await problemOf(response)).status, status);
    assert.equal(response.headers.get("allow"), allow);
  }
});
