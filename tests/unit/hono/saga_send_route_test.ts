import { Hono } from "hono";
import assert from "node:assert/strict";
import { routes } from "../../../src/hono/mod.ts";
import { SagaFailedError } from "../../../src/saga/mod.ts";
import { openHouse, openServer } from "./saga_support.ts";
import { post, problemOf } from "./support.ts";

const KEY = { "idempotency-key": "k1" };

Deno.test("send() runs a saga to its end, and answers with how it stands", async () => {
  const { api } = openServer();
  const response = await api.request("/sent", post({ item: "lamp" }));
  assert.equal(response.status, 200);
  const { id, ...outcome } = await response.json();
  assert.match(id, /^[\da-f-]{36}$/);
  assert.deepEqual(outcome, {
    name: "order",
    version: 1,
    status: "completed",
    context: { item: "lamp", place: "lamp!", cents: 5 },
    steps: [
      { step: "reserve", status: "completed" },
      { step: "charge", status: "completed" },
      { step: "ship", status: "completed" },
    ],
  });
});

Deno.test("send() answers 202 where a saga waits for a signal, and with its id", async () => {
  const { api, app, recover } = openServer();
  const response = await api.request("/approvals/sent", post({ item: "lamp" }));
  assert.equal(response.status, 202);
  const { id, status } = await response.json();
  assert.equal(status, "waiting");
  await app.sagas.signal(id, "answer", { isFine: true });
  await recover();
  assert.equal((await app.sagas.get(id))?.status, "completed");
});

Deno.test("send() says nothing of what keeps a saga that waits from going on", async () => {
  const { api, storage: { sagas } } = openServer();
  const send = async () => await api.request("/approvals/sent", post({ item: "lamp" }, KEY));
  const { id } = await (await send()).json();
  const claimed = await sagas.claim(id, { owner: "somebody", leaseMs: 1_000 });
  const change = { error: "secret", leaseMs: 0, resumeInMs: Infinity };
  await sagas.checkpoint(id, claimed?.record.revision ?? 0, change);
  const text = await (await send()).text();
  assert.match(text, /"status":"waiting"/);
  assert.doesNotMatch(text, /secret/);
});

Deno.test("send() answers 409 where a saga is undone, and with nothing of why", async () => {
  const errors: unknown[] = [];
  const { api } = openServer({
    hook(step) {
      if (step === "charge") throw new Error("secret");
    },
    routes: { onError: (error) => void errors.push(error) },
  });
  const response = await api.request("/sent", post({ item: "lamp" }));
  assert.equal(response.status, 409);
  const { saga, ...problem } = await problemOf(response);
  assert.equal((saga as { status: string }).status, "compensated");
  assert.deepEqual(problem, {
    type: "about:blank",
    title: "Conflict",
    status: 409,
    detail: "The saga could not be completed, and what it had done is undone",
    code: "saga_failed",
  });
  assert.equal(errors.length, 0);
});

Deno.test("send() asks mapError about a saga that has failed, whose cause is what its step has thrown", async () => {
  class TooExpensive extends Error {}
  const { api } = openServer({
    hook(step) {
      if (step === "charge") throw new TooExpensive();
    },
    routes: {
      mapError: (error) =>
        error instanceof SagaFailedError && error.cause instanceof TooExpensive
          ? { status: 402, code: "too_expensive" }
          : undefined,
    },
  });
  const response = await api.request("/sent", post({ item: "lamp" }));
  assert.equal((await problemOf(response)).code, "too_expensive");
});

Deno.test("send() runs one saga for an idempotency key, and answers all with how it stands", async () => {
  const { api, log } = openServer();
  const send = async (item: string) => await api.request("/sent", post({ item }, KEY));
  const bodies = await Promise.all([send("lamp"), send("lamp")].map(async (r) => (await r).text()));
  assert.equal(bodies[0], bodies[1]);
  assert.equal(await (await send("lamp")).text(), bodies[0]);
  assert.equal(log.length, 3);
  assert.equal((await problemOf(await send("chair"))).code, "idempotency_mismatch");
});

Deno.test("send() tells nobody how the saga of somebody else stands", async () => {
  const held = Promise.withResolvers<void>();
  const { api, log } = openServer({
    hook: (step) => step === "reserve" ? held.promise : undefined,
    routes: { sagaId: () => "o1", principal: (c) => c.req.header("who") },
  });
  const send = async (who: string) => await api.request("/sent", post({ item: "lamp" }, { who }));
  // Both ask before there is one, and one of them learns of it when both have come to the storage.
  const answers = Promise.all([send("ada"), send("bob")]);
  held.resolve();
  const statuses = (await answers).map(({ status }) => status);
  assert.deepEqual([...statuses].sort(), [200, 409]);
  assert.equal((await send("ada")).status, statuses[0]);
  assert.equal((await send("bob")).status, statuses[1]);
  assert.equal(log.length, 3);
});

Deno.test("send() answers 409 where an id is that of a saga of another name", async () => {
  const house = openHouse();
  const { app, Order, Approval } = openServer({ house });
  await app.send(Order({ item: "lamp" }, { id: "o1" }));
  const api = new Hono().post("/", routes(app).send(Approval, { sagaId: () => "o1" }));
  const response = await api.request("/", post({ item: "lamp" }));
  assert.equal(response.status, 409);
  assert.equal((await problemOf(response)).code, "saga_id");
});

Deno.test("send() keeps a saga to the ids and the principals that all routes have", async () => {
  const { app, Order } = openServer();
  const http = routes(app, { sagaId: (c) => c.req.header("x-id") ?? "" });
  const api = new Hono().post("/", http.send(Order));
  const response = await api.request("/", post({ item: "lamp" }, { "x-id": "o7" }));
  assert.equal((await response.json()).id, "o7");
});
