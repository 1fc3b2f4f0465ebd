import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, handlers, query, streamRequest } from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { problemOf } from "./support.ts";

const Read = query("read").returns<string>();
const Watch = streamRequest("watch").yields<number>();

/** Routes with a limit, and how often something has run behind them. */
function serve(options: SseRouteOptions = {}) {
  const runs: string[] = [];
  const http = routes(
    bootstrap(
      handlers()
        .on(Read, () => (runs.push("read"), "read"))
        .on(Watch, async function* () {
          runs.push("watch");
          yield await Promise.resolve(1);
        }),
    ),
    options,
  );
  const api = new Hono().all("/read", http.send(Read)).all("/watch", http.sse(Watch));
  return { api, runs };
}

/** Headers of exactly `byteCount` bytes. */
function headersOf(byteCount: number): Record<string, string> {
  return { "x-name": "x".repeat(byteCount - "x-name".length) };
}

Deno.test("routes() accept headers of exactly maxHeaderBytes bytes", async () => {
  const { api, runs } = serve({ maxHeaderBytes: 100 });
  const response = await api.request("/read", { headers: headersOf(100) });
  assert.equal(response.status, 200);
  assert.deepEqual(runs, ["read"]);
});

Deno.test("routes() answer headers of one byte more than maxHeaderBytes with 431", async () => {
  const { api, runs } = serve({ maxHeaderBytes: 100 });
  assert.deepEqual(await problemOf(await api.request("/read", { headers: headersOf(101) })), {
    type: "about:blank",
    title: "Request Header Fields Too Large",
    status: 431,
    detail: "The headers of the request are larger than 100 bytes",
    code: "headers_too_large",
  });
  assert.deepEqual(runs, []);
});

Deno.test("routes() count the headers together, their names too", async () => {
  const { api } = serve({ maxHeaderBytes: 10 });
  const fits = await api.request("/read", { headers: { aa: "123", bb: "123" } });
  assert.equal(fits.status, 200);
  const refused = await api.request("/read", { headers: { aa: "123", bbb: "123" } });
  assert.equal((await problemOf(refused)).status, 431);
});

Deno.test("routes() accept headers of 16 KiB by default and no larger ones", async () => {
  const { api } = serve();
  assert.equal((await api.request("/read", { headers: headersOf(16_384) })).status, 200);
  const refused = await api.request("/read", { headers: headersOf(16_385) });
  assert.equal((await problemOf(refused)).code, "headers_too_large");
});

Deno.test("routes() accept headers of any size without a limit", async () => {
  const { api } = serve({ maxHeaderBytes: Infinity });
  assert.equal((await api.request("/read", { headers: headersOf(1_000_000) })).status, 200);
});

for (
  const [method, more] of [
    ["POST", {}],
    ["GET", { "last-event-id": "run:1" }],
    ["DELETE", {}],
  ] as const
) {
  Deno.test(`sse() answers ${method} with headers that are too large with 431 and runs nothing`, async () => {
    const { api, runs } = serve({ maxHeaderBytes: 100 });
    const headers = { ...headersOf(101), ...more };
    const response = await api.request("/watch", { method, headers });
    assert.equal((await problemOf(response)).status, 431);
    assert.deepEqual(runs, []);
  });
}

Deno.test("sse() answers HEAD with headers that are too large with 431", async () => {
  const { api } = serve({ maxHeaderBytes: 100 });
  const response = await api.request("/watch", { method: "HEAD", headers: headersOf(101) });
  assert.equal(response.status, 431);
});

Deno.test("mapError() is asked about headers that are too large", async () => {
  const { api } = serve({
    maxHeaderBytes: 100,
    mapError: (_error, _c, { code }) => ({ status: 400, code: `own_${code}` }),
  });
  const problem = await problemOf(await api.request("/read", { headers: headersOf(101) }));
  assert.equal(problem.code, "own_headers_too_large");
});
