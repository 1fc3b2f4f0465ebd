import { Hono } from "hono";
import assert from "node:assert/strict";
import {
  type HealthCheck,
  type HealthReport,
  healthRoute,
  type HealthRouteOptions,
} from "../../../src/hono/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { problemOf } from "./support.ts";

const SECRET = "0123456789abcdef";
const authorized = { authorization: `Bearer ${SECRET}` };

/** A route with checks, under a clock that stands still. */
function serve(checks?: Record<string, HealthCheck>, options: HealthRouteOptions = {}) {
  const clock = new ManualClock();
  const told: unknown[] = [];
  const route = healthRoute(checks, {
    clock,
    onError: (error) => void told.push(error),
    ...options,
  });
  const api = new Hono().get("/health", route);
  return {
    clock,
    told,
    request: async (init: RequestInit = {}) => await api.request("/health", init),
  };
}

/** The report in a response, which must be of the type that the draft asks for. */
async function reportOf(response: Response): Promise<HealthReport> {
  assert.equal(response.headers.get("content-type"), "application/health+json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  return await response.json();
}

function failing(error: unknown): HealthCheck {
  return () => Promise.reject(error);
}

Deno.test("healthRoute() passes without checks", async () => {
  for (const { request } of [serve(), serve({})]) {
    const response = await request();
    assert.equal(response.status, 200);
    assert.deepEqual(await reportOf(response), { status: "pass" });
  }
});

Deno.test("healthRoute() answers with 200 when all checks pass, whatever they give", async () => {
  const { request, told } = serve({ db: () => Promise.resolve(false), queue: () => undefined });
  const response = await request();
  assert.equal(response.status, 200);
  assert.deepEqual(await reportOf(response), {
    status: "pass",
    checks: { db: [{ status: "pass" }], queue: [{ status: "pass" }] },
  });
  assert.deepEqual(told, []);
});

Deno.test("healthRoute() answers with 503 when a check fails, and tells which", async () => {
  const error = new Error("10.0.0.7 refused");
  const { request, told } = serve({ db: failing(error), queue: () => {} });
  const response = await request();
  assert.equal(response.status, 503);
  assert.deepEqual(await reportOf(response), {
    status: "fail",
    checks: { db: [{ status: "fail" }], queue: [{ status: "pass" }] },
  });
  assert.deepEqual(told, [error]);
});

Deno.test("healthRoute() takes a check that throws in its call for one that fails", async () => {
  const { request } = serve({
    db: () => {
      throw new Error();
    },
  });
  assert.equal((await request()).status, 503);
});

for (const thrown of [undefined, null, 0, "", "text"]) {
  Deno.test(`healthRoute() takes a check that throws ${JSON.stringify(thrown)} for one that fails`, async () => {
    const { request, told } = serve({ db: failing(thrown) });
    assert.equal((await request()).status, 503);
    assert.deepEqual(told, [thrown]);
  });
}

Deno.test("healthRoute() makes all checks at the same time", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const { request } = serve({
    one: () => (gates[1].resolve(), gates[0].promise),
    other: () => (gates[0].resolve(), gates[1].promise),
  });
  assert.equal((await request()).status, 200);
});

Deno.test("healthRoute() takes a check for failed that takes too long, by default 5 s, and aborts its signal", async () => {
  const signals: AbortSignal[] = [];
  const { clock, request, told } = serve({
    slow: (signal) => (signals.push(signal), new Promise(() => {})),
    fast: () => {},
  });
  const asked = request();
  await clock.timersPending();
  await clock.advance(4_999);
  assert.equal(signals[0]?.aborted, false);
  await clock.advance(1);
  assert.equal(signals[0]?.aborted, true);
  const response = await asked;
  assert.equal(response.status, 503);
  assert.deepEqual((await reportOf(response)).checks, {
    slow: [{ status: "fail" }],
    fast: [{ status: "pass" }],
  });
  assert.deepEqual(told, [signals[0]?.reason]);
  assert.equal(signals[0]?.reason.name, "TimeoutError");
});

Deno.test("healthRoute() gives each check as long as the options say, and its signal is left alone when it passes", async () => {
  const signals: AbortSignal[] = [];
  const { clock, request } = serve({ db: (signal) => void signals.push(signal) }, { timeoutMs: 7 });
  assert.equal((await request()).status, 200);
  await clock.advance(7);
  assert.equal(signals[0]?.aborted, false);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("healthRoute() outlives a check that fails when nobody waits for it any more", async () => {
  const gate = Promise.withResolvers<void>();
  const { clock, request, told } = serve({ slow: () => gate.promise }, { timeoutMs: 1 });
  const asked = request();
  await clock.timersPending();
  await clock.advance(1);
  assert.equal((await asked).status, 503);
  gate.reject(new Error("late"));
  await clock.advance(0);
  assert.equal(told.length, 1);
});

Deno.test("healthRoute() shows details to those who bring the secret", async () => {
  const gate = Promise.withResolvers<void>();
  const { clock, request } = serve(
    { db: failing(new Error("10.0.0.7 refused")), queue: () => gate.promise },
    { secret: [SECRET, "another-secret-0"] },
  );
  const asked = request({ headers: authorized });
  await clock.timersPending();
  await clock.advance(30);
  gate.resolve();
  assert.deepEqual((await reportOf(await asked)).checks, {
    db: [{
      status: "fail",
      observedValue: 0,
      observedUnit: "ms",
      time: "1970-01-01T00:00:00.000Z",
      output: "10.0.0.7 refused",
    }],
    queue: [{
      status: "pass",
      observedValue: 30,
      observedUnit: "ms",
      time: "1970-01-01T00:00:00.000Z",
    }],
  });
});

Deno.test("healthRoute() shows the limit that a check has passed as a detail", async () => {
  const { clock, request } = serve({ slow: () => new Promise(() => {}) }, { secret: SECRET });
  const asked = request({ headers: authorized });
  await clock.timersPending();
  await clock.advance(5_000);
  const [detail] = (await reportOf(await asked)).checks?.slow ?? [];
  assert.match(detail?.output ?? "", /5000 ms/);
  assert.equal(detail?.observedValue, 5_000);
});

for (
  const [what, options, headers] of [
    ["nobody when there is no secret", {}, authorized],
    ["nobody who brings none", { secret: SECRET }, {}],
    ["nobody who brings another one", { secret: SECRET }, { authorization: "Bearer wrong" }],
  ] as const
) {
  Deno.test(`healthRoute() shows details to ${what}`, async () => {
    const { request } = serve({ db: failing(new Error("10.0.0.7 refused")) }, options);
    const response = await request({ headers });
    assert.equal(response.status, 503);
    assert.deepEqual(await reportOf(response), {
      status: "fail",
      checks: { db: [{ status: "fail" }] },
    });
  });
}

for (const thrown of ["secret text", { secret: 1 }, null]) {
  Deno.test(`healthRoute() shows no more than the type of what is no error: ${JSON.stringify(thrown)}`, async () => {
    const { request } = serve({ db: failing(thrown) }, { secret: SECRET });
    const { checks } = await reportOf(await request({ headers: authorized }));
    assert.equal(checks?.db?.[0]?.output, typeof thrown);
  });
}

for (const [isFailing, status] of [[false, 200], [true, 503]] as const) {
  Deno.test(`healthRoute() answers HEAD with ${status} and no body`, async () => {
    const { request } = serve({ db: isFailing ? failing(new Error()) : () => {} });
    const response = await request({ method: "HEAD" });
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-type"), "application/health+json");
    assert.equal(response.body, null);
  });
}

Deno.test("healthRoute() makes the checks once for requests that come while they are made", async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const { request, told, clock } = serve({
    db: async () => {
      runs++;
      await gate.promise;
      throw new Error();
    },
  });
  const asked = [request(), request()];
  await clock.timersPending();
  asked.push(request());
  await clock.advance(0);
  gate.resolve();
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assert.deepEqual([statuses, runs, told.length], [[503, 503, 503], 1, 1]);
  await request();
  assert.equal(runs, 2);
});

Deno.test("healthRoute() shares outcomes, but not details", async () => {
  const gate = Promise.withResolvers<void>();
  const { request } = serve({ db: () => gate.promise }, { secret: SECRET });
  const asked = [request({ headers: authorized }), request()];
  gate.resolve();
  const [detailed, plain] = await Promise.all(
    asked.map(async (response) =>
      Object.keys((await reportOf(await response)).checks?.db?.[0] ?? {})
    ),
  );
  assert.deepEqual(detailed, ["status", "observedValue", "observedUnit", "time"]);
  assert.deepEqual(plain, ["status"]);
});

Deno.test("healthRoute() names checks as they are called", async () => {
  const names = ["db:primary", "__proto__", "constructor", "a b"];
  const checks = Object.fromEntries(names.map((name) => [name, () => {}]));
  const report = await reportOf(await serve(checks).request());
  assert.deepEqual(Object.keys(report.checks ?? {}), names);
});

Deno.test("healthRoute() answers headers that are too large with 431", async () => {
  const { request } = serve({}, { maxHeaderBytes: 10 });
  const response = await request({ headers: { "x-more": "x".repeat(10) } });
  assert.equal((await problemOf(response)).status, 431);
});

for (const timeoutMs of [0, -1, NaN, Infinity]) {
  Deno.test(`healthRoute() refuses timeoutMs ${timeoutMs}`, () => {
    assert.throws(() => serve({}, { timeoutMs }), { name: "RangeError", message: /timeoutMs/ });
  });
}

Deno.test("healthRoute() refuses a secret that is too short, and a check that is no function", () => {
  assert.throws(() => serve({}, { secret: "short" }), { name: "RangeError" });
  // @ts-expect-error -- JavaScript can
  assert.throws(() => serve({ db: true }), { name: "TypeError", message: /"db"/ });
});
