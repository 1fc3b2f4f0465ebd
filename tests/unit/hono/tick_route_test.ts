import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { tickRoute, type TickRouteOptions } from "../../../src/hono/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { problemOf } from "./support.ts";

const SECRET = "0123456789abcdef";
const authorized = { authorization: `Bearer ${SECRET}` };

interface Call {
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

/** A route to a job that `work` does, and what has become of it. */
function serve(
  work: (call: Call) => unknown = () => ({ hasMore: false }),
  options: Partial<TickRouteOptions> = {},
) {
  const clock = new ManualClock();
  const calls: Call[] = [];
  const told: unknown[] = [];
  const job = {
    // JavaScript gives whatever it wants.
    tick: async (call: Call) => (calls.push(call), await work(call)) as { hasMore: boolean },
  };
  const route = tickRoute(job as Parameters<typeof tickRoute>[0], {
    secret: SECRET,
    clock,
    onError: (error) => void told.push(error),
    ...options,
  });
  const api = new Hono().all("/tick", route);
  return {
    calls,
    clock,
    told,
    request: async (init: RequestInit = {}) =>
      await api.request("/tick", { method: "POST", headers: authorized, ...init }),
  };
}

/** Work that waits until its signal aborts, and then throws the reason. */
function untilAborted({ signal }: Call): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

Deno.test("tickRoute() answers with the report of the tick as JSON, not to be stored", async () => {
  const { request } = serve(() => ({ hasMore: true, published: 3, at: new Date(0) }));
  const response = await request();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(await response.json(), {
    hasMore: true,
    published: 3,
    at: "1970-01-01T00:00:00.000Z",
  });
});

for (
  const [options, budgetMs] of [[{}, 20_000], [{ budgetMs: 50 }, 50], [{ budgetMs: 0 }, 0]] as const
) {
  Deno.test(`tickRoute() gives the tick a budget of ${budgetMs} ms, and a signal`, async () => {
    const { calls, request } = serve(undefined, options);
    await request();
    assert.equal(calls[0]?.budgetMs, budgetMs);
    assert.equal(calls[0]?.signal.aborted, false);
  });
}

for (const method of ["GET", "POST", "PUT", "QUERY"]) {
  Deno.test(`tickRoute() runs a tick for ${method}`, async () => {
    const { calls, request } = serve();
    assert.equal((await request({ method })).status, 200);
    assert.equal(calls.length, 1);
  });
}

for (const method of ["HEAD", "OPTIONS"]) {
  Deno.test(`tickRoute() answers ${method} with 405 and runs nothing`, async () => {
    const { calls, request } = serve();
    const response = await request({ method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), "GET, POST");
    assert.deepEqual(calls, []);
    await response.body?.cancel();
  });
}

Deno.test("tickRoute() answers with 401 to each kind of wrong secret in the same way, and runs nothing", async () => {
  const { calls, request, told } = serve();
  const answers = new Set<string>();
  for (const authorization of ["", "Bearer", "Basic x", "Bearer wrong", `Basic ${SECRET}`]) {
    const response = await request({ headers: { authorization } });
    const headers = [...response.headers];
    answers.add(JSON.stringify([headers, await problemOf(response)]));
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    assert.equal(response.headers.get("cache-control"), "no-store");
  }
  const response = await request({ headers: {} });
  answers.add(JSON.stringify([[...response.headers], await problemOf(response)]));
  assert.equal(answers.size, 1);
  assert.match([...answers].join(), /"status":401.*"code":"unauthorized"/);
  assert.deepEqual([calls, told], [[], []]);
});

Deno.test("tickRoute() asks for the secret before it looks at the method, or says that a tick is running", async () => {
  const gate = Promise.withResolvers<object>();
  const { request } = serve(() => gate.promise);
  const running = request();
  for (const method of ["POST", "HEAD"]) {
    const response = await request({ method, headers: {} });
    assert.equal(response.status, 401);
    await response.body?.cancel();
  }
  gate.resolve({});
  await running;
});

Deno.test("tickRoute() accepts each of several secrets", async () => {
  const other = "another-secret-0";
  const { request } = serve(undefined, { secret: [SECRET, other] });
  assert.equal((await request()).status, 200);
  assert.equal((await request({ headers: { authorization: `Bearer ${other}` } })).status, 200);
});

Deno.test("tickRoute() answers a request with 409 while a tick is running, and runs the next one after it", async () => {
  const gate = Promise.withResolvers<object>();
  const { calls, clock, request } = serve(() => gate.promise, { budgetMs: 10_000, graceMs: 500 });
  const running = request();
  await clock.timersPending();
  await clock.advance(1_200);
  const refused = await request();
  assert.equal(refused.headers.get("retry-after"), "10");
  assert.equal(refused.headers.get("cache-control"), "no-store");
  const { status, code } = await problemOf(refused);
  assert.deepEqual([status, code, calls.length], [409, "tick_running", 1]);
  gate.resolve({ hasMore: false });
  assert.equal((await running).status, 200);
  assert.equal((await request()).status, 200);
  assert.equal(calls.length, 2);
});

Deno.test("tickRoute() runs ticks of two routes at the same time", async () => {
  const gate = Promise.withResolvers<object>();
  const [one, other] = [serve(() => gate.promise), serve()];
  const running = one.request();
  assert.equal((await other.request()).status, 200);
  gate.resolve({});
  await running;
});

Deno.test("tickRoute() aborts a tick when its budget and the grace are over, and answers with 504", async () => {
  const { calls, clock, request, told } = serve(untilAborted, { budgetMs: 1_000, graceMs: 500 });
  const running = request();
  await clock.timersPending();
  await clock.advance(1_499);
  assert.equal(calls[0]?.signal.aborted, false);
  await clock.advance(1);
  const { status, code } = await problemOf(await running);
  assert.deepEqual([status, code], [504, "tick_timeout"]);
  assert.equal(calls[0]?.signal.reason.name, "TimeoutError");
  assert.deepEqual(told, [calls[0]?.signal.reason]);
});

Deno.test("tickRoute() gives a tick 20 s and 5 s of grace by default", async () => {
  const { calls, clock, request } = serve(untilAborted);
  const running = request();
  await clock.timersPending();
  await clock.advance(24_999);
  assert.equal(calls[0]?.signal.aborted, false);
  await clock.advance(1);
  assert.equal((await problemOf(await running)).status, 504);
});

Deno.test("tickRoute() does not wait for a tick that ignores its signal, and begins no other before it has ended", async () => {
  const gate = Promise.withResolvers<object>();
  const { clock, request, told } = serve(() => gate.promise, { budgetMs: 1_000 });
  const running = request();
  await clock.timersPending();
  await clock.advance(6_000);
  assert.equal((await problemOf(await running)).status, 504);
  const refused = await request();
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await problemOf(refused)).status, 409);
  gate.resolve({ hasMore: false });
  await clock.advance(0);
  assert.equal((await request()).status, 200);
  assert.equal(told.length, 1);
});

Deno.test("tickRoute() tells onError of what a tick throws that was not waited for", async () => {
  const gate = Promise.withResolvers<object>();
  const { clock, request, told } = serve(() => gate.promise);
  const running = request();
  await clock.timersPending();
  await clock.advance(25_000);
  assert.equal((await problemOf(await running)).status, 504);
  const late = new Error("late");
  gate.reject(late);
  await clock.advance(0);
  assert.equal(told[1], late);
});

Deno.test("tickRoute() aborts a tick when the client leaves, and tells nobody", async () => {
  const leaving = new AbortController();
  const { calls, clock, request, told } = serve(untilAborted);
  const running = request({ signal: leaving.signal });
  await clock.timersPending();
  leaving.abort();
  const response = await running;
  assert.equal(calls[0]?.signal.reason.name, "AbortError");
  assert.equal(response.status, 499);
  await response.body?.cancel();
  assert.deepEqual(told, []);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("tickRoute() gives an aborted signal to a tick whose client has left already", async () => {
  const { calls, request } = serve(({ signal }) => signal.throwIfAborted());
  const response = await request({ signal: AbortSignal.abort() });
  assert.equal(calls[0]?.signal.aborted, true);
  assert.equal(response.status, 499);
  await response.body?.cancel();
});

Deno.test("tickRoute() does not abort a tick that has ended when the signal of the request aborts", async () => {
  const leaving = new AbortController();
  const { calls, clock, request } = serve();
  assert.equal((await request({ signal: leaving.signal })).status, 200);
  leaving.abort();
  assert.equal(calls[0]?.signal.aborted, false);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("tickRoute() answers a tick that fails with 500, tells nothing of it and tells onError", async () => {
  const error = new Error("connection to db-7.internal refused");
  const { clock, request, told } = serve(() => {
    throw error;
  });
  const response = await request();
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal((await problemOf(response)).code, "internal");
  assert.deepEqual(told, [error]);
  assert.equal(clock.pendingTimers, 0);
  assert.equal((await problemOf(await request())).status, 500);
});

Deno.test("tickRoute() answers a tick that throws in its call with 500", async () => {
  const job = {
    tick(): never {
      throw new Error("secret");
    },
  };
  const api = new Hono().post("/", tickRoute(job, { secret: SECRET }));
  const response = await api.request("/", { method: "POST", headers: authorized });
  assert.equal((await problemOf(response)).code, "internal");
});

Deno.test("tickRoute() answers a failure as mapError says, and with the response that it brings along", async () => {
  const mapped = serve(() => Promise.reject(new RangeError()), {
    mapError: (error, c: Context) =>
      error instanceof RangeError ? { status: 503, detail: c.req.path } : undefined,
  });
  const { status, detail } = await problemOf(await mapped.request());
  assert.deepEqual([status, detail], [503, "/tick"]);
  const brought = serve(() => Promise.reject(new HTTPException(429, { message: "Later" })));
  assert.equal(await (await brought.request()).text(), "Later");
});

for (const [what, report] of [["a bigint", { n: 1n }], ["a function", () => 1]] as const) {
  Deno.test(`tickRoute() answers with 500 when the report is ${what}`, async () => {
    const { request, told } = serve(() => report);
    assert.equal((await problemOf(await request())).code, "internal");
    assert.equal(told.length, 1);
  });
}

Deno.test("tickRoute() answers with 204 when there is no report", async () => {
  const { request } = serve(() => undefined);
  assert.equal((await request()).status, 204);
});

Deno.test("tickRoute() answers headers that are too large with 431", async () => {
  const { request } = serve(undefined, { maxHeaderBytes: 100 });
  const response = await request({ headers: { ...authorized, "x-more": "x".repeat(100) } });
  assert.equal((await problemOf(response)).status, 431);
});

for (
  const [option, value] of [
    ["budgetMs", -1],
    ["budgetMs", NaN],
    ["budgetMs", Infinity],
    ["graceMs", -1],
    ["graceMs", Infinity],
    ["secret", "short"],
    ["secret", ["short"]],
  ] as const
) {
  Deno.test(`tickRoute() refuses ${option} ${value}`, () => {
    assert.throws(() => serve(undefined, { [option]: value }), { name: "RangeError" });
  });
}

Deno.test("tickRoute() refuses to work without a secret", () => {
  assert.throws(() => serve(undefined, { secret: [] }), { name: "TypeError" });
});
