import { Hono } from "hono";
import { hc } from "hono/client";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers, query, streamRequest } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { parseSse } from "../../../src/stream/mod.ts";

const Join = command("join", z.object({ meetingId: z.string(), userId: z.string() }))
  .returns<{ readonly at: Date }>();
const Leave = command("leave", z.object({ meetingId: z.string() }));
const Find = query("find", z.object({ page: z.coerce.number(), tags: z.array(z.string()) }))
  .returns<unknown>();
const Count = streamRequest("count", z.object({ to: z.coerce.number() })).yields<number>();

const http = routes(bootstrap(
  handlers()
    .on(Join, () => ({ at: new Date(0) }))
    .on(Leave, () => {})
    .on(Find, (data) => data)
    .on(Count, async function* ({ to }) {
      for (let i = 1; i <= to; i++) yield await Promise.resolve(i);
    }),
));
const api = new Hono()
  .put("/meetings/:meetingId", http.send(Join, { params: ["meetingId"] }))
  .delete("/meetings/:meetingId", http.send(Leave))
  .get("/find", http.send(Find))
  .all("/count", http.sse(Count, { safe: true }));
const client = hc<typeof api>("http://localhost", { fetch: api.request });

Deno.test("send() gives Hono's client the result of a command", async () => {
  const response = await client.meetings[":meetingId"].$put({
    param: { meetingId: "m1" },
    json: { userId: "u1" },
  });
  assert.ok(response.ok);
  assert.deepEqual(await response.json(), { at: "1970-01-01T00:00:00.000Z" });
});

Deno.test("send() gives Hono's client a problem", async () => {
  const response = await client.meetings[":meetingId"].$put({
    param: { meetingId: "m1" },
    // @ts-expect-error -- JavaScript can
    json: { userId: 7 },
  });
  assert.ok(!response.ok);
  const { status, code, issues } = await response.json();
  assert.deepEqual([status, code, issues?.[0]?.path], [400, "message_validation", ["userId"]]);
});

Deno.test("send() gives Hono's client nothing when there is no result", async () => {
  const response = await client.meetings[":meetingId"].$delete({ param: { meetingId: "m1" } });
  assert.equal(response.status, 204);
});

Deno.test("send() takes the query that Hono's client makes of numbers and lists", async () => {
  const response = await client.find.$get({ query: { page: 2, tags: ["a", "b"] } });
  assert.deepEqual(await response.json(), { page: 2, tags: ["a", "b"] });
});

for (
  const [method, response] of [
    ["GET", () => client.count.$get({ query: { to: 2 } })],
    ["POST", () => client.count.$post({ json: { to: 2 } })],
  ] as const
) {
  Deno.test(`sse() gives Hono's client the stream for ${method}`, async () => {
    const { body, ok } = await response();
    assert.ok(ok && body !== null);
    const names = (await Array.fromAsync(parseSse(body))).map(({ event }) => event);
    assert.deepEqual(names, ["start", "item", "item", "done"]);
  });
}
