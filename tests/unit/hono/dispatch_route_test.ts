import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import {
  bootstrap,
  domainEvent,
  EventHandlingError,
  handlers,
  notification,
} from "../../../mod.ts";
import { type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { post, problemOf } from "./support.ts";

const Moved = domainEvent("moved", z.object({ id: z.string(), day: z.string() }));
const Paid = notification("paid", { topic: "payments", data: z.object({ id: z.string() }) });

function bench(options: RouteOptions, fail?: unknown) {
  const seen: unknown[] = [];
  const app = bootstrap(
    handlers()
      .on(Moved, (data) => void seen.push(data), () => {
        if (fail !== undefined) throw fail;
      })
      .on(Paid, (data) => void seen.push(data)),
  );
  const http = routes(app, options);
  const api = new Hono()
    .all("/moved", http.dispatch(Moved))
    .post("/moved/:id", http.dispatch(Moved, { params: ["id"] }))
    .post("/paid", http.dispatch(Paid, async (_c, { json }) => ({ id: await json() })));
  return { api, seen };
}

Deno.test("dispatch() runs the handlers of an event and answers with 204", async () => {
  const { api, seen } = bench({});
  const response = await api.request("/moved", post({ id: "m1", day: "Monday" }));
  assert.equal(response.status, 204);
  assert.deepEqual(seen, [{ id: "m1", day: "Monday" }]);
});

Deno.test("dispatch() runs the handlers of a notification, whose data a function gives", async () => {
  const { api, seen } = bench({});
  assert.equal((await api.request("/paid", post("7"))).status, 400);
  assert.equal((await api.request("/paid", post(JSON.stringify("p1")))).status, 204);
  assert.deepEqual(seen, [{ id: "p1" }]);
});

Deno.test("dispatch() takes the path's parameters over the body", async () => {
  const { api, seen } = bench({});
  await api.request("/moved/m1", post({ id: "m2", day: "Monday" }));
  assert.deepEqual(seen, [{ id: "m1", day: "Monday" }]);
});

Deno.test("dispatch() answers invalid data with 400 and runs nothing", async () => {
  const { api, seen } = bench({});
  const problem = await problemOf(await api.request("/moved", post({ id: "m1" })));
  assert.deepEqual([problem.status, problem.code], [400, "message_validation"]);
  assert.deepEqual(seen, []);
});

Deno.test("dispatch() runs nothing by GET, HEAD and OPTIONS", async () => {
  const { api, seen } = bench({});
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    assert.equal((await api.request("/moved?id=m1&day=Monday", { method })).status, 405);
  }
  assert.deepEqual(seen, []);
});

Deno.test("dispatch() answers with 500 when a handler fails, after the others", async () => {
  const told: unknown[] = [];
  const { api, seen } = bench({ onError: (error) => void told.push(error) }, new Error("secret"));
  const response = await api.request("/moved", post({ id: "m1", day: "Monday" }));
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [500, "event_handling"]);
  assert.equal(JSON.stringify(problem).includes("secret"), false);
  assert.equal(seen.length, 1);
  assert.ok(told[0] instanceof EventHandlingError);
});

Deno.test("dispatch() lets mapError decide", async () => {
  const { api } = bench({ mapError: () => ({ status: 503 }) }, new Error("Away"));
  const response = await api.request("/moved", post({ id: "m1", day: "Monday" }));
  assert.equal((await problemOf(response)).status, 503);
});
