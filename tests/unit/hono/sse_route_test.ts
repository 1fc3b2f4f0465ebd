import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { z } from "zod";
import {
  bootstrap,
  type BootstrapOptions,
  domainEvent,
  handlers,
  streamRequest,
  type,
} from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { checkedProblem, eventNamesOf, eventsOf, post, problemOf } from "./support.ts";

const Watch = streamRequest("watch", type<unknown>()).yields<unknown>();
const Count = streamRequest("count", z.object({ to: z.coerce.number() })).yields<number>();
const Counted = domainEvent("counted", type<number>());

const counting = routes(
  bootstrap(
    handlers().on(Count, async function* ({ to }) {
      for (let i = 1; i <= to; i++) yield await Promise.resolve(i);
    }),
  ),
);

/** What a route answers whose handler is `handle`. */
async function watch(
  handle: () => AsyncIterable<unknown>,
  options?: SseRouteOptions,
  appOptions?: BootstrapOptions,
): Promise<Response> {
  const http = routes(bootstrap(handlers().on(Watch, handle), appOptions), options);
  return await new Hono().get("/", http.sse(Watch, { safe: true })).request("/");
}

/** A handler that yields one item and then throws `error`. */
function failing(error: unknown): () => AsyncIterable<unknown> {
  return async function* () {
    yield await Promise.resolve(1);
    throw error;
  };
}

/** The problem in the last event, which must be a failure. */
async function failureOf(response: Response, status: number) {
  assert.equal(response.status, 200);
  const failure = (await eventsOf(response)).at(-1);
  assert.ok(failure);
  assert.equal(failure.event, "failure");
  return checkedProblem(failure.data, status);
}

Deno.test("sse() answers with start, the items and done", async () => {
  const api = new Hono().get("/", counting.sse(Count, { safe: true }));
  const events = await eventsOf(await api.request("/?to=2"));
  assert.deepEqual(events.map(({ event }) => event), ["start", "item", "item", "done"]);
  const [start, first, second, done] = events.map(({ data }) => JSON.parse(data));
  assert.match(start.run, /^[\w-]{36}$/);
  assert.deepEqual([first, second, done], [1, 2, {}]);
});

Deno.test("sse() gives every event the id of its run with a number, and the last one with the end", async () => {
  const api = new Hono().get("/", counting.sse(Count, { safe: true }));
  const events = await eventsOf(await api.request("/?to=2"));
  const { run } = JSON.parse(events[0]?.data ?? "");
  const ids = events.map(({ lastEventId }) => lastEventId);
  assert.deepEqual(ids, [`${run}:0`, `${run}:1`, `${run}:2`, `${run}:end`]);
});

Deno.test("sse() gives every run another id", async () => {
  const api = new Hono().get("/", counting.sse(Count, { safe: true }));
  const [one] = await eventsOf(await api.request("/?to=0"));
  const [other] = await eventsOf(await api.request("/?to=0"));
  assert.notEqual(one?.lastEventId, other?.lastEventId);
});

Deno.test("sse() answers with headers that keep proxies from holding events back", async () => {
  const response = await new Hono().get("/", counting.sse(Count, { safe: true })).request("/?to=0");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-cache, no-transform");
  assert.equal(response.headers.get("x-accel-buffering"), "no");
  await response.body?.cancel();
});

Deno.test("sse() tells clients when to come back, by default after 3 s", async () => {
  const api = new Hono()
    .get("/", counting.sse(Count, { safe: true }))
    .get("/soon", counting.sse(Count, { safe: true, retryMs: 10 }));
  assert.match(await (await api.request("/?to=0")).text(), /^retry: 3000\n\n/);
  assert.match(await (await api.request("/soon?to=0")).text(), /^retry: 10\n\n/);
});

Deno.test("sse() answers with start and done when there are no items", async () => {
  const api = new Hono().get("/", counting.sse(Count, { safe: true }));
  assert.deepEqual(await eventNamesOf(await api.request("/?to=0")), ["start", "done"]);
});

Deno.test("sse() takes the data from the body of a POST", async () => {
  const api = new Hono().post("/", counting.sse(Count));
  const response = await api.request("/", post({ to: 1 }));
  assert.deepEqual(await eventNamesOf(response), ["start", "item", "done"]);
});

Deno.test("sse() takes the data that `from` gives", async () => {
  const api = new Hono().get("/:to", counting.sse(Count, (c) => c.req.param(), { safe: true }));
  assert.deepEqual(await eventNamesOf(await api.request("/1")), ["start", "item", "done"]);
});

Deno.test("sse() answers invalid data with a problem, not with a stream", async () => {
  const response = await new Hono().get("/", counting.sse(Count, { safe: true })).request("/?to=x");
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [400, "message_validation"]);
});

Deno.test("sse() answers with 500 when the start-up of the application fails", async () => {
  const told: unknown[] = [];
  const error = new Error("secret");
  const response = await watch(async function* () {}, {
    onError: (error) => void told.push(error),
  }, { onStartup: [() => Promise.reject(error)] });
  assert.equal((await problemOf(response)).code, "internal");
  assert.deepEqual(told, [error]);
});

Deno.test("sse() answers HEAD with the headers and does not run the handler", async () => {
  let runs = 0;
  const http = routes(bootstrap(
    handlers().on(Watch, async function* () {
      yield runs++;
    }),
  ));
  const response = await new Hono().get("/", http.sse(Watch)).request("/", { method: "HEAD" });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.body, null);
  assert.equal(runs, 0);
});

Deno.test("sse() ends with a failure that tells nothing of the server, and tells onError", async () => {
  const told: unknown[] = [];
  const error = new Error("connection to db-7.internal refused");
  const response = await watch(failing(error), { onError: (error) => void told.push(error) });
  const events = await eventsOf(response);
  assert.deepEqual(events.map(({ event }) => event), ["start", "item", "failure"]);
  assert.equal(checkedProblem(events[2]?.data ?? "", 500).code, "internal");
  assert.doesNotMatch(JSON.stringify(events), /db-7/);
  assert.match(events[2]?.lastEventId ?? "", /:end$/);
  assert.deepEqual(told, [error]);
});

Deno.test("sse() ends with the failure that mapError gives", async () => {
  const response = await watch(failing(new RangeError()), {
    mapError: (error) => error instanceof RangeError ? { status: 422, hint: "less" } : undefined,
  });
  assert.deepEqual(await failureOf(response, 422), {
    type: "about:blank",
    title: "Unprocessable Content",
    status: 422,
    hint: "less",
  });
});

Deno.test("sse() ends with the status of the response that an error brings along", async () => {
  const response = await watch(failing(new HTTPException(403, { message: "secret" })));
  assert.deepEqual(await failureOf(response, 403), {
    type: "about:blank",
    title: "Forbidden",
    status: 403,
  });
});

for (
  const [what, mapError] of [
    ["a redirection", () => new Response(null, { status: 302 })],
    ["a status that does not exist", () => ({ status: 600 })],
  ] as const
) {
  Deno.test(`sse() ends with a failure of its own when mapError gives ${what}`, async () => {
    const response = await watch(failing(new RangeError()), { mapError });
    assert.equal((await failureOf(response, 500)).code, "internal");
  });
}

for (const thrown of ["text", null, undefined]) {
  Deno.test(`sse() ends with a failure when the handler throws ${thrown}`, async () => {
    const response = await watch(failing(thrown));
    assert.equal((await failureOf(response, 500)).code, "internal");
  });
}

Deno.test("sse() ends with a failure that says so when what follows from an item failed", async () => {
  const app = bootstrap(
    handlers()
      .on(Watch, async function* (_, { emit }) {
        emit(Counted(1));
        yield 1;
      })
      .on(Counted, () => {
        throw new Error("secret");
      }),
  );
  const response = await new Hono().get("/", routes(app).sse(Watch, { safe: true })).request("/");
  assert.equal((await failureOf(response, 500)).code, "event_handling");
});

Deno.test("sse() ends with a failure when nothing handles the request", async () => {
  // @ts-expect-error -- nothing handles it
  const response = await new Hono().get("/", counting.sse(Watch, { safe: true })).request("/");
  assert.equal((await failureOf(response, 500)).code, "internal");
});

const cycle: Record<string, unknown> = {};
cycle.itself = cycle;

for (
  const [what, item] of [
    ["a bigint", 1n],
    ["undefined", undefined],
    ["a function", () => 1],
    ["a cycle", cycle],
    ["an object whose toJSON throws", {
      toJSON() {
        throw new Error("secret");
      },
    }],
  ] as const
) {
  Deno.test(`sse() ends with a failure at ${what}, and with the handler`, async () => {
    const steps: string[] = [];
    const response = await watch(async function* (): AsyncGenerator<unknown> {
      try {
        yield 1;
        yield item;
        steps.push("went on");
      } finally {
        steps.push("ended");
      }
    });
    const events = await eventsOf(response);
    assert.deepEqual(events.map(({ event }) => event), ["start", "item", "failure"]);
    assert.equal(checkedProblem(events[2]?.data ?? "", 500).code, "internal");
    assert.deepEqual(steps, ["ended"]);
  });
}

Deno.test("sse() does not run a request again for a client that comes back", async () => {
  let runs = 0;
  const http = routes(bootstrap(
    handlers().on(Watch, async function* () {
      yield runs++;
    }),
  ));
  const api = new Hono().get("/", http.sse(Watch)).post("/", http.sse(Watch));
  for (const method of ["GET", "POST"]) {
    const response = await api.request("/", { method, headers: { "last-event-id": "some-run:7" } });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const [gone, ...more] = await eventsOf(response);
    assert.deepEqual([gone?.event, gone?.lastEventId, more], ["stream_gone", "gone", []]);
    assert.equal(checkedProblem(gone?.data ?? "", 410).code, "stream_gone");
  }
  assert.equal(runs, 0);
});

Deno.test("sse() stops a client that comes back after it was told that its run is gone", async () => {
  const response = await new Hono().get("/", counting.sse(Count, { safe: true }))
    .request("/?to=1", { headers: { "last-event-id": "gone" } });
  assert.equal(response.status, 204);
  assert.equal(response.body, null);
});

Deno.test("sse() runs the request of a client whose last id is empty", async () => {
  const response = await new Hono().get("/", counting.sse(Count, { safe: true }))
    .request("/?to=0", { headers: { "last-event-id": "" } });
  assert.deepEqual(await eventNamesOf(response), ["start", "done"]);
});
