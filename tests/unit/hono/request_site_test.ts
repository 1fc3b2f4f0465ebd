import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, domainEvent, handlers, query, streamRequest } from "../../../mod.ts";
import {
  healthRoute,
  type RouteOptions,
  routes,
  type SseRouteOptions,
  tickRoute,
} from "../../../src/hono/mod.ts";
import { post, problemOf } from "./support.ts";

const CloseAll = command("close_all");
const Cancel = command("cancel", z.object({ id: z.string() }));
const Read = query("read").returns<string>();
const Export = streamRequest("export").yields<number>();
const Paid = domainEvent("paid", z.object({ id: z.string() }));

/** Routes that take every method, and what has run behind them. */
function serve(options: RouteOptions & SseRouteOptions = {}) {
  const runs: string[] = [];
  const http = routes(
    bootstrap(
      handlers()
        .on(CloseAll, () => void runs.push("close_all"))
        .on(Cancel, ({ id }) => void runs.push(`cancel ${id}`))
        .on(Read, () => (runs.push("read"), "read"))
        .on(Export, async function* () {
          runs.push("export");
          yield await Promise.resolve(1);
        })
        .on(Paid, ({ id }) => void runs.push(`paid ${id}`)),
    ),
    options,
  );
  const api = new Hono()
    .all("/close", http.send(CloseAll))
    .all("/cancel/:id", http.send(Cancel))
    .all("/read", http.send(Read))
    .all("/export", http.sse(Export))
    .all("/paid/:id", http.dispatch(Paid));
  return { api, runs };
}

const CROSS = { "sec-fetch-site": "cross-site" };

const forms = [
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "text/plain",
];

for (const path of ["/close", "/cancel/1", "/export", "/paid/1"]) {
  for (
    const type of [...forms, "text/plain; application/json", "application/json, text/plain", ""]
  ) {
    Deno.test(`routes() refuse POST ${path} of another site with the type "${type}"`, async () => {
      const { api, runs } = serve();
      const headers = { ...CROSS, "content-type": type };
      const response = await api.request(path, { method: "POST", headers });
      const problem = await problemOf(response);
      assert.deepEqual([problem.status, problem.code], [403, "cross_site"]);
      assert.deepEqual(runs, []);
    });
  }

  Deno.test(`routes() refuse POST ${path} of another site without body and type`, async () => {
    const { api, runs } = serve();
    const response = await api.request(path, { method: "POST", headers: CROSS });
    assert.equal((await problemOf(response)).code, "cross_site");
    assert.deepEqual(runs, []);
  });
}

for (const method of ["PUT", "PATCH", "DELETE"]) {
  Deno.test(`routes() leave ${method} of another site to CORS, which asks for it always`, async () => {
    const { api, runs } = serve();
    assert.equal((await api.request("/close", { method, headers: CROSS })).status, 204);
    assert.deepEqual(runs, ["close_all"]);
  });
}

Deno.test("routes() refuse a form of another site that was made a DELETE on its way", async () => {
  const { api, runs } = serve();
  const headers = { ...CROSS, "content-type": "application/x-www-form-urlencoded" };
  const response = await api.request("/close", { method: "DELETE", headers });
  assert.equal((await problemOf(response)).code, "cross_site");
  assert.deepEqual(runs, []);
});

for (const site of ["cross-site", "same-site", "Same-Origin", "same-origin, cross-site", ""]) {
  Deno.test(`routes() take Sec-Fetch-Site "${site}" for another origin`, async () => {
    const { api, runs } = serve();
    const headers = { "sec-fetch-site": site };
    const response = await api.request("/close", { method: "POST", headers });
    assert.equal(response.status, 403);
    assert.deepEqual(runs, []);
    await response.body?.cancel();
  });
}

for (const site of ["same-origin", "none", undefined]) {
  Deno.test(`routes() run what a form with Sec-Fetch-Site ${site} asks for`, async () => {
    const { api, runs } = serve();
    const headers = new Headers({ "content-type": "text/plain" });
    if (site !== undefined) headers.set("sec-fetch-site", site);
    const response = await api.request("/close", { method: "POST", headers, body: "x" });
    assert.equal(response.status, 204);
    assert.deepEqual(runs, ["close_all"]);
  });
}

for (const type of ["application/json", "application/vnd.api+json; charset=utf-8"]) {
  Deno.test(`routes() run what another site asks for as ${type}, which CORS decides about`, async () => {
    const { api, runs } = serve();
    const headers = { ...CROSS, "content-type": type };
    for (const path of ["/close", "/cancel/1", "/paid/1"]) {
      assert.equal((await api.request(path, { method: "POST", headers })).status, 204);
    }
    await (await api.request("/export", { method: "POST", headers })).text();
    assert.deepEqual(runs, ["close_all", "cancel 1", "paid 1", "export"]);
  });
}

for (const method of ["GET", "HEAD", "QUERY"]) {
  Deno.test(`routes() run what is safe by ${method} for another site`, async () => {
    const { api, runs } = serve();
    const response = await api.request("/read", { method, headers: CROSS });
    assert.equal(response.status, 200);
    assert.deepEqual(runs, ["read"]);
    await response.body?.cancel();
  });
}

Deno.test("routes() describe the refusal of another site", async () => {
  const { api } = serve();
  const response = await api.request("/close", { method: "POST", headers: CROSS });
  assert.deepEqual(await problemOf(response), {
    type: "about:blank",
    title: "Forbidden",
    status: 403,
    detail: "A request from another origin must be application/json",
    code: "cross_site",
  });
});

Deno.test("mapError() is asked about requests of another site", async () => {
  const { api } = serve({ mapError: (_error, _c, { code }) => ({ status: 404, code }) });
  const response = await api.request("/close", { method: "POST", headers: CROSS });
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [404, "cross_site"]);
});

Deno.test("routes() read no body of a form of another site, and ask no function for data", async () => {
  let asked = 0;
  const http = routes(bootstrap(handlers().on(Cancel, () => {})));
  const api = new Hono().post("/", http.send(Cancel, () => ({ id: String(asked++) })));
  const init = post("a=1", { ...CROSS, "content-type": "application/x-www-form-urlencoded" });
  assert.equal((await problemOf(await api.request("/", init))).code, "cross_site");
  assert.equal(asked, 0);
});

Deno.test("tickRoute() and healthRoute() answer whatever site asks", async () => {
  const secret = "0123456789abcdef";
  const job = { tick: () => Promise.resolve({ hasMore: false }) };
  const api = new Hono().post("/tick", tickRoute(job, { secret })).all("/livez", healthRoute());
  const headers = { ...CROSS, authorization: `Bearer ${secret}` };
  for (const path of ["/tick", "/livez"]) {
    const response = await api.request(path, { method: "POST", headers });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
});
