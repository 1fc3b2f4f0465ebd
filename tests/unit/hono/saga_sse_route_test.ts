import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { routes } from "../../../src/hono/mod.ts";
import { SagaFailedError } from "../../../src/saga/mod.ts";
import { idOf, openHouse, openServer, plain, readEvents, UNCUT } from "./saga_support.ts";
import { checkedProblem, eventsOf, post, problemOf } from "./support.ts";

Deno.test("sse() starts a saga and gives its progress, numbered by the places in its log", async () => {
  const { start } = openServer();
  const response = await start("lamp");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const id = idOf(response);
  const events = await eventsOf(response);
  assert.deepEqual(events.map(plain), UNCUT);
  assert.ok(events.every(({ lastEventId }) => lastEventId.startsWith(`${id}:`)));
  assert.deepEqual(JSON.parse(events[0]?.data ?? ""), {
    run: id,
    url: `?sluice_run=${id}`,
    kind: "saga",
  });
  assert.deepEqual(JSON.parse(events[1]?.data ?? ""), {
    sagaId: id,
    number: 2,
    name: "reserve",
    status: "completed",
    result: { place: "lamp!" },
  });
});

Deno.test("sse() goes on with a saga whose reader has left", async () => {
  const held = Promise.withResolvers<void>();
  const shipped = Promise.withResolvers<void>();
  const { start, app } = openServer({
    async hook(step) {
      if (step === "charge") await held.promise;
      if (step === "ship") shipped.resolve();
    },
  });
  const response = await start("lamp");
  const events = await readEvents(response, 2); // the body is cancelled in the second step
  held.resolve();
  await shipped.promise;
  assert.deepEqual(events.map(plain), UNCUT.slice(0, 2));
  await Array.fromAsync(app.sagas.follow(openServer().Order, idOf(response)));
  assert.equal((await app.sagas.get(idOf(response)))?.status, "completed");
});

Deno.test("sse() goes on with a saga that nobody reads", async () => {
  const shipped = Promise.withResolvers<void>();
  const { start } = openServer({ hook: (step) => void (step === "ship" && shipped.resolve()) });
  const { body } = await start("lamp");
  await shipped.promise;
  await body?.cancel();
});

Deno.test("sse() has the runtime wait until the saga is done", async () => {
  const held = Promise.withResolvers<void>();
  const { api, log } = openServer({ hook: (step) => step === "ship" ? held.promise : undefined });
  const kept: Promise<unknown>[] = [];
  const context = {
    props: {},
    passThroughOnException() {},
    waitUntil: (work: Promise<unknown>) => void kept.push(work),
  };
  const response = await api.fetch(
    new Request("http://localhost/orders", post({ item: "lamp" })),
    {},
    context,
  );
  await response.body?.cancel();
  assert.equal(kept.length, 1);
  held.resolve();
  await kept[0];
  assert.equal(log.at(-1), `${idOf(response)}/ship`);
});

Deno.test("sse() resumes a saga after any of its events, at its place in the log", async () => {
  const { start, back, log } = openServer();
  const id = idOf(await start("lamp"));
  const whole = await eventsOf(await back(id));
  assert.deepEqual(whole.map(plain), UNCUT);
  for (let count = 1; count < whole.length; count++) {
    const response = await back(id, whole[count - 1]?.lastEventId);
    assert.equal(idOf(response), id);
    assert.deepEqual(await eventsOf(response), whole.slice(count), `after ${count} events`);
  }
  assert.equal(log.length, 3);
});

Deno.test("sse() resumes a saga by Last-Event-ID alone, as an EventSource does", async () => {
  const { start, api } = openServer();
  const id = idOf(await start("lamp"));
  const response = await api.request("/orders", { headers: { "last-event-id": `${id}:4` } });
  assert.deepEqual((await eventsOf(response)).map(plain), UNCUT.slice(3));
});

Deno.test("sse() answers 204 to a client that has the end already", async () => {
  const { start, back } = openServer();
  const events = await eventsOf(await start("lamp"));
  const last = events.at(-1)?.lastEventId ?? "";
  const response = await back(last.replace(":end", ""), last);
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal((await back("x", "gone")).status, 204);
});

Deno.test("sse() goes on at another server with a saga whose server has died", async () => {
  const house = openHouse();
  const never = new Promise<void>(() => {});
  const first = openServer({
    house,
    isFrozen: true,
    hook: (step) => step === "charge" ? never : undefined,
  });
  const second = openServer({ house });
  const response = await first.start("lamp");
  const before = await readEvents(response, 2);
  const resumed = await second.back(idOf(response), before.at(-1)?.lastEventId);
  const after = eventsOf(resumed);
  await house.clock.advance(30_000); // the lease of the server that is silent
  await second.recover();
  const texts = [...before, ...await after].map(plain).map((text) => text.replace(/^\d+ /, ""));
  assert.deepEqual(texts, UNCUT.map((text) => text.replace(/^\d+ /, "")));
  const id = idOf(response);
  assert.deepEqual(house.log, [`${id}/reserve`, `${id}/charge`, `${id}/charge`, `${id}/ship`]);
});

Deno.test("sse() says that a saga has failed, and nothing of why", async () => {
  const errors: unknown[] = [];
  const { start, back } = openServer({
    hook: (step) => step === "ship" ? Promise.reject(new Error("secret")) : undefined,
    routes: { onError: (error) => void errors.push(error) },
  });
  const response = await start("lamp");
  const id = idOf(response);
  const events = await eventsOf(response);
  assert.deepEqual(events.map(plain), [
    "0 start",
    "2 reserve completed",
    "4 charge completed",
    "6 ship failed",
    "9 reserve compensated",
    "end failure",
  ]);
  assert.doesNotMatch(events.map(({ data }) => data).join(), /secret/);
  const item = JSON.parse(events[3]?.data ?? "");
  assert.equal(item.error, "The step could not be done");
  const problem = checkedProblem(events[5]?.data ?? "", 409);
  assert.equal(problem.code, "saga_failed");
  assert.deepEqual(problem.saga, { id, status: "compensated" });
  assert.equal(errors.length, 0);
  const again = await eventsOf(await back(id, events[3]?.lastEventId));
  assert.deepEqual(again, events.slice(4));
});

Deno.test("sse() says that a saga is parked, and reports it", async () => {
  const house = openHouse();
  const errors: unknown[] = [];
  const never = new Promise<void>(() => {});
  const first = openServer({ house, isFrozen: true, hook: () => never });
  const response = await first.start("lamp");
  await response.body?.cancel();
  await house.clock.advance(30_000);
  const { sagas } = house.storage;
  const id = idOf(response);
  const claimed = await sagas.claim(id, { owner: "somebody", leaseMs: 1 });
  const parkedReason = "secret";
  await sagas.checkpoint(id, claimed?.record.revision ?? 0, { parkedReason, leaseMs: 0 });
  const onError = (error: unknown) => void errors.push(error);
  const events = await eventsOf(await openServer({ house, routes: { onError } }).back(id));
  assert.deepEqual(events.map(plain), ["0 start", "end failure"]);
  const problem = checkedProblem(events[1]?.data ?? "", 500);
  assert.deepEqual(problem.saga, { id, status: "parked" });
  assert.doesNotMatch(JSON.stringify(problem), /secret/);
  assert.ok(errors[0] instanceof SagaFailedError);
});

Deno.test("sse() asks mapError what a client learns of a saga that has failed", async () => {
  const { start } = openServer({
    hook(step) {
      if (step === "reserve") throw new Error("secret");
    },
    routes: {
      mapError: (error) =>
        error instanceof SagaFailedError
          ? { status: 422, code: "no_order", steps: error.outcome.steps.length }
          : undefined,
    },
  });
  const events = await eventsOf(await start("lamp"));
  const problem = checkedProblem(events.at(-1)?.data ?? "", 422);
  assert.deepEqual([problem.code, problem.steps], ["no_order", 3]);
});

Deno.test("sse() gives items as serialize makes them, with other names", async () => {
  const { start } = openServer({
    hook(step) {
      if (step === "reserve") throw new Error("full");
    },
    routes: {
      serialize: JSON.stringify,
      eventNames: { start: "hello", item: (item) => (item as { name: string }).name },
    },
  });
  const events = await eventsOf(await start("lamp"));
  assert.deepEqual(events.map(({ event }) => event), ["hello", "reserve", "failure"]);
  assert.equal(JSON.parse(events[1]?.data ?? "").error, "Error: full");
});

Deno.test("sse() ends with a failure where an item cannot be written, and the saga goes on", async () => {
  const shipped = Promise.withResolvers<void>();
  const { start } = openServer({
    hook: (step) => void (step === "ship" && shipped.resolve()),
    routes: {
      serialize() {
        throw new Error("secret");
      },
    },
  });
  const events = await eventsOf(await start("lamp"));
  assert.deepEqual(events.map(({ event }) => event), ["start", "failure"]);
  assert.equal(checkedProblem(events[1]?.data ?? "", 500).code, "internal");
  await shipped.promise;
});

Deno.test("sse() stays with a saga that waits for a signal, and gives what follows", async () => {
  const { api, app, recover } = openServer();
  const response = await api.request("/approvals", post({ item: "lamp" }));
  assert.ok(response.body);
  const id = idOf(response);
  const whole = eventsOf(response);
  await Array.fromAsync(app.sagas.follow(openServer().Approval, id)); // until it waits
  const resumed = eventsOf(
    await api.request(`/approvals?sluice_run=${id}`, { headers: { "last-event-id": `${id}:3` } }),
  );
  await app.sagas.signal(id, "answer", { isFine: true });
  await recover();
  assert.deepEqual((await whole).map(plain), [
    "0 start",
    "2 ask completed",
    "3 answer waiting",
    "4 answer completed",
    "6 act completed",
    "end done",
  ]);
  assert.deepEqual((await resumed).map(plain), [
    "4 answer completed",
    "6 act completed",
    "end done",
  ]);
});

Deno.test("sse() keeps the connection alive while a saga waits for a signal", async () => {
  const { clock, api } = openServer();
  const { Approval, app } = openServer();
  const waiting = new Hono().post(
    "/",
    routes(app).sse(Approval, { clock, heartbeatMs: 1_000 }),
  );
  const { body } = await waiting.request("/", post({ item: "lamp" }));
  assert.ok(api && body);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("waiting")) text += (await reader.read()).value;
  const next = reader.read();
  await clock.timersPending();
  await clock.advance(1_000);
  assert.match((await next).value ?? "", /^:/);
  await reader.cancel();
});

Deno.test("sse() breaks the connection where the storage fails, and the client can come back", async () => {
  const errors: unknown[] = [];
  const server = openServer({
    hook: (step) => step === "ship" ? held.promise : undefined,
    routes: { onError: (error) => void errors.push(error) },
  });
  const held = Promise.withResolvers<void>();
  const response = await server.start("lamp");
  const { sagas } = server.storage;
  const { load } = sagas;
  const failure = new Error("The database is away");
  sagas.load = () => Promise.reject(failure);
  await assert.rejects(eventsOf(response));
  assert.deepEqual(errors, [failure]);
  const refused = await server.back(idOf(response));
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "5");
  assert.equal((await problemOf(refused)).code, "saga_unavailable");
  sagas.load = load;
  held.resolve();
  assert.deepEqual((await eventsOf(await server.back(idOf(response)))).map(plain), UNCUT);
});

Deno.test("sse() answers as send() does where a saga cannot be stored", async () => {
  const server = openServer();
  server.storage.sagas.create = () => Promise.reject(new Error("secret"));
  const response = await server.start("lamp");
  assert.equal(response.status, 500);
  assert.equal((await problemOf(response)).code, "internal");
});

Deno.test("sse() says that a saga is gone which was deleted while it is read", async () => {
  const server = openServer({
    hook: (step) => step === "ship" ? new Promise(() => {}) : undefined,
    isFrozen: true,
  });
  const response = await server.start("lamp");
  server.storage.sagas.load = () => Promise.resolve(undefined);
  const events = await eventsOf(response);
  assert.equal(events.at(-1)?.event, "stream_gone");
});

Deno.test("sse() runs authentication again for a client that comes back", async () => {
  const { app, Order } = openServer();
  let isLocked = false;
  const principal = () => {
    if (isLocked) throw new HTTPException(401);
    return "ada";
  };
  const api = new Hono().all("/orders", routes(app).sse(Order, { principal }));
  const id = idOf(await api.request("/orders", post({ item: "lamp" })));
  isLocked = true;
  assert.equal((await api.request(`/orders?sluice_run=${id}`)).status, 401);
});
