import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { checkedProblem, eventNamesOf, eventsOf } from "./support.ts";

const Watch = streamRequest("watch").yields(z.object({ n: z.number() }));

/** What a route answers whose handler yields `items`, and what it told on the way. */
function watching(...items: readonly { n: number }[]) {
  const steps: string[] = [];
  const errors: unknown[] = [];
  const app = bootstrap(
    handlers().on(Watch, async function* () {
      try {
        for (const item of items) yield await Promise.resolve(item);
        steps.push("went on");
      } finally {
        steps.push("ended");
      }
    }),
  );
  const http = routes(app, { onError: (error) => void errors.push(error) });
  return { api: new Hono().get("/", http.sse(Watch, { safe: true })), steps, errors };
}

Deno.test("sse() sends what the schema of the items knows alone", async () => {
  const stored = { n: 1, password: "secret" };
  const { api, errors } = watching(stored, { n: 2 });
  const events = await eventsOf(await api.request("/"));
  assert.deepEqual(events.map(({ event }) => event), ["start", "item", "item", "done"]);
  assert.deepEqual(events.slice(1, 3).map(({ data }) => JSON.parse(data)), [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(errors, []);
});

Deno.test("sse() ends at an item that does not fit its schema with a failure that tells nothing of it, and with the handler", async () => {
  // @ts-expect-error -- JavaScript can
  const { api, steps, errors } = watching({ n: 1 }, { n: "secret" }, { n: 3 });
  const events = await eventsOf(await api.request("/"));
  assert.deepEqual(events.map(({ event }) => event), ["start", "item", "failure"]);
  const text = events[2]?.data ?? "";
  assert.equal(checkedProblem(text, 500).code, "internal");
  assert.doesNotMatch(text, /secret|number|"n"|issues|errors/);
  assert.deepEqual(steps, ["ended"]);
  assert.deepEqual(errors.map((error) => (error as Error).name), ["MessageValidationError"]);
});

for (const end of ["done", "failure"] as const) {
  Deno.test(`sse() stops a client that comes back with the id of ${end}, and runs nothing`, async () => {
    // @ts-expect-error -- JavaScript can
    const { api, steps } = watching(...end === "done" ? [{ n: 1 }] : [{ n: "one" }]);
    const last = (await eventsOf(await api.request("/"))).at(-1);
    assert.equal(last?.event, end);
    steps.length = 0;
    const response = await api.request("/", {
      headers: { "last-event-id": last?.lastEventId ?? "" },
    });
    assert.equal(response.status, 204);
    assert.equal(response.body, null);
    assert.deepEqual(steps, []);
  });
}

Deno.test("sse() tells a client that comes back with the id of an item that its run is gone", async () => {
  const { api } = watching({ n: 1 });
  const [, item] = await eventsOf(await api.request("/"));
  assert.equal(item?.event, "item");
  const response = await api.request("/", { headers: { "last-event-id": item.lastEventId } });
  assert.deepEqual(await eventNamesOf(response), ["stream_gone"]);
});
