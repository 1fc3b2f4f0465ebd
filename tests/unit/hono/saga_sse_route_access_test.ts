import { Hono } from "hono";
import assert from "node:assert/strict";
import { routes } from "../../../src/hono/mod.ts";
import { idOf, openHouse, openServer, plain, UNCUT } from "./saga_support.ts";
import { eventNamesOf, eventsOf, post, problemOf } from "./support.ts";

const KEY = { "idempotency-key": "k1" };
const GONE = ["stream_gone"];

/** Tells who a client is, as it says itself. */
const principal = {
  principal: (c: { req: { header(name: string): string | undefined } }) => c.req.header("who"),
};

Deno.test("sse() starts a saga for each request without a key", async () => {
  const { start, log } = openServer();
  const [first, second] = [await start("lamp"), await start("lamp")];
  assert.notEqual(idOf(first), idOf(second));
  assert.deepEqual((await eventsOf(first)).map(plain), UNCUT);
  assert.deepEqual((await eventsOf(second)).map(plain), UNCUT);
  assert.equal(log.length, 6);
});

Deno.test("sse() starts one saga for an idempotency key, and gives it from its start again", async () => {
  const { start, log } = openServer();
  const first = await start("lamp", KEY);
  const events = await eventsOf(first);
  const second = await start("lamp", { "idempotency-key": '"k1"' });
  assert.deepEqual(await eventsOf(second), events);
  assert.deepEqual(events.map(plain), UNCUT);
  assert.equal(log.length, 3);
  assert.match(idOf(first), /^[\da-f]{64}$/);
});

Deno.test("sse() starts one saga for an idempotency key also when two requests come at once", async () => {
  const { start, log } = openServer();
  const responses = await Promise.all([start("lamp", KEY), start("lamp", KEY)]);
  const [first, second] = await Promise.all(responses.map(eventsOf));
  assert.deepEqual(first, second);
  assert.equal(log.length, 3);
});

Deno.test("sse() answers 422 where a key was used for something else", async () => {
  const { start } = openServer();
  await eventsOf(await start("lamp", KEY));
  const response = await start("chair", KEY);
  assert.equal(response.status, 422);
  assert.equal((await problemOf(response)).code, "idempotency_mismatch");
});

Deno.test("sse() refuses an idempotency key that it cannot use, so that no second saga is started", async () => {
  const { start, log } = openServer();
  for (const key of ["", "a b", "k".repeat(256), "\u00e4"]) {
    const response = await start("lamp", { "idempotency-key": key });
    assert.equal(response.status, 400, key);
    assert.equal((await problemOf(response)).code, "idempotency_key_invalid");
  }
  assert.equal(log.length, 0);
});

Deno.test("sse() keeps the keys of principals, of paths and of sagas apart", async () => {
  const { start, api } = openServer({ routes: principal });
  const body = post({ item: "lamp" }, KEY);
  const ids = [
    idOf(await start("lamp", { ...KEY, who: "ada" })),
    idOf(await start("lamp", { ...KEY, who: "bob" })),
    idOf(await start("lamp", KEY)),
    idOf(await api.request("/other", body)),
    idOf(await api.request("/approvals", body)),
  ];
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("sse() has no saga for other principals than the one that has started it", async () => {
  const { start, back } = openServer({ routes: principal });
  const id = idOf(await start("lamp", { who: "ada" }));
  assert.deepEqual((await eventsOf(await back(id, undefined, { who: "ada" }))).map(plain), UNCUT);
  for (const headers of [{ who: "bob" }, {}]) {
    assert.deepEqual(await eventNamesOf(await back(id, undefined, headers)), GONE);
    assert.deepEqual(await eventNamesOf(await back(id, `${id}:2`, headers)), GONE);
  }
});

Deno.test("sse() has no saga of another path or another name, none that no route has started, and none that is not there", async () => {
  const { start, api, app, Order } = openServer();
  const id = idOf(await start("lamp"));
  const own = Order({ item: "lamp" }, { id: "own", headers: { "sluice-owner": "" } });
  const { settled } = await app.sagas.start(own);
  await settled;
  for (
    const url of [
      `/other?sluice_run=${id}`,
      `/approvals?sluice_run=${id}`,
      "/orders?sluice_run=own",
      "/orders?sluice_run=none",
      "/orders?sluice_run=",
      `/orders?sluice_run=${"x".repeat(256)}`,
      "/orders?sluice_run=%00",
    ]
  ) {
    assert.deepEqual(await eventNamesOf(await api.request(url)), GONE, url);
  }
});

Deno.test("sse() has no place for a Last-Event-ID that is none of the saga", async () => {
  const { start, back } = openServer();
  const id = idOf(await start("lamp"));
  for (
    const last of [
      "x",
      ":2",
      `${id}:`,
      `${id}:-1`,
      `${id}:1.5`,
      `${id}:1234567890123456`,
      `other:2`,
      `other:end`,
      `${id}%:2`,
      `%6${id}:2`,
    ]
  ) {
    assert.deepEqual(await eventNamesOf(await back(id, last)), GONE, last);
  }
});

Deno.test("sse() gives the end to a client that names a place behind it", async () => {
  const { start, back } = openServer();
  const id = idOf(await start("lamp"));
  assert.deepEqual(await eventNamesOf(await back(id, `${id}:900`)), ["done"]);
});

Deno.test("sse() starts sagas under the ids that sagaId gives, whatever characters they have", async () => {
  for (const prefix of ["order-", "Ä: 7/%20&=#?+", "\u{1f6df}"]) {
    const { start, back, log } = openServer({
      routes: { sagaId: (_, { item }) => `${prefix}${item}` },
    });
    const response = await start("lamp");
    const id = `${prefix}lamp`;
    assert.equal(idOf(response), id);
    const events = await eventsOf(response);
    assert.deepEqual(events.map(plain), UNCUT);
    assert.equal(JSON.parse(events[0]?.data ?? "").run, id);
    const resumed = await back(id, events[2]?.lastEventId);
    assert.deepEqual(await eventsOf(resumed), events.slice(3));
    assert.equal((await back(id, events.at(-1)?.lastEventId)).status, 204);
    assert.deepEqual(await eventsOf(await start("lamp")), events);
    assert.equal(log.length, 3);
  }
});

Deno.test("sse() refuses a request whose id of a saga is none", async () => {
  for (const id of ["", "x".repeat(256), "a\n", "\ud800"]) {
    const { start } = openServer({ routes: { sagaId: () => id } });
    const response = await start("lamp");
    assert.equal(response.status, 400);
    assert.equal((await problemOf(response)).code, "saga_id");
  }
  const { start } = openServer({ routes: { sagaId: () => undefined as never } });
  assert.equal((await start("lamp")).status, 500);
});

Deno.test("sse() answers 409 where an id is that of somebody else's saga, or of one of another name", async () => {
  const house = openHouse();
  const sagaId = () => "o1";
  const { start, app } = openServer({ house, routes: { ...principal, sagaId } });
  await eventsOf(await start("lamp", { who: "ada" }));
  const { Approval } = openServer({ house });
  const api = new Hono().post("/orders", routes(app).sse(Approval, { sagaId }));
  for (
    const response of [
      await start("lamp", { who: "bob" }),
      await api.request("/orders", post({ item: "lamp" })),
    ]
  ) {
    assert.equal(response.status, 409);
    assert.equal((await problemOf(response)).code, "saga_id");
  }
});

Deno.test("sse() rolls no saga back because a client asks for DELETE", async () => {
  const { start, api, app } = openServer({ hook: (step) => step === "ship" ? held : undefined });
  const { promise: held, resolve } = Promise.withResolvers<void>();
  const response = await start("lamp");
  const id = idOf(response);
  for (const url of ["/orders", `/orders?sluice_run=${id}`]) {
    const refused = await api.request(url, { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get("allow"), "POST");
  }
  resolve();
  assert.deepEqual((await eventsOf(response)).map(plain), UNCUT);
  assert.equal((await app.sagas.get(id))?.status, "completed");
});

Deno.test("sse() starts a saga by GET only if it is declared safe", async () => {
  const { api, log } = openServer();
  assert.equal((await api.request("/orders?item=lamp")).status, 405);
  assert.equal(log.length, 0);
  const { app, Order } = openServer();
  const safe = new Hono().all("/", routes(app).sse(Order, { safe: true }));
  assert.deepEqual((await eventsOf(await safe.request("/?item=lamp"))).map(plain), UNCUT);
});

Deno.test("sse() starts nothing for HEAD, and for methods that it does not know", async () => {
  const { api, log } = openServer();
  const head = await api.request("/orders", { method: "HEAD" });
  assert.deepEqual([head.status, head.body], [200, null]);
  assert.equal((await api.request("/orders", { method: "OPTIONS" })).status, 405);
  assert.equal(log.length, 0);
});

Deno.test("sse() refuses data that is not valid, bodies that are too large, and pages of other origins", async () => {
  const { api, start, log } = openServer({ routes: { maxBodyBytes: 100 } });
  assert.equal((await api.request("/orders", post({ item: 7 }))).status, 400);
  assert.equal((await start("x".repeat(100))).status, 413);
  const form = { "content-type": "text/plain", "sec-fetch-site": "cross-site" };
  assert.equal((await start("lamp", form)).status, 403);
  assert.equal(log.length, 0);
});
