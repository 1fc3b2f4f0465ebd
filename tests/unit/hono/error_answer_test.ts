import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { bootstrap, handlers, query } from "../../../mod.ts";
import { type Problem, type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { ReplayLogFullError } from "../../../src/stream/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

class NotThereError extends Error {}

const Read = query("read");

/** What a route answers, and tells, whose handler throws `error`. */
async function failWith(error: unknown, options: RouteOptions) {
  const told: unknown[] = [];
  const http = routes(
    bootstrap(
      handlers().on(Read, () => {
        throw error;
      }),
    ),
    { onError: (error) => void told.push(error), ...options },
  );
  return { response: await new Hono().get("/", http.send(Read)).request("/"), told };
}

Deno.test("mapError() gives a problem, which is completed", async () => {
  const { response, told } = await failWith(new NotThereError(), {
    mapError: (error) => error instanceof NotThereError ? { status: 404 } : undefined,
  });
  assert.deepEqual(await problemOf(response), {
    type: "about:blank",
    title: "Not Found",
    status: 404,
  });
  assert.deepEqual(told, []);
});

Deno.test("mapError() gives a problem with members of its own", async () => {
  const problem: Problem = {
    status: 409,
    type: "https://example.com/taken",
    title: "Taken",
    detail: "Somebody was faster",
    by: ["u1"],
  };
  const { response } = await failWith(new Error(), { mapError: () => problem });
  assert.deepEqual(await problemOf(response), problem);
});

Deno.test("mapError() gives a response", async () => {
  const { response } = await failWith(new Error(), { mapError: (_, c) => c.text("Later", 503) });
  assert.equal(response.status, 503);
  assert.equal(await response.text(), "Later");
});

Deno.test("mapError() goes on with the usual answer when it gives nothing", async () => {
  const error = new Error();
  const { response, told } = await failWith(error, { mapError: () => undefined });
  assert.equal((await problemOf(response)).code, "internal");
  assert.deepEqual(told, [error]);
});

Deno.test("mapError() comes before the response that an error brings along", async () => {
  const { response } = await failWith(new HTTPException(401), {
    mapError: () => ({ status: 404 }),
  });
  assert.equal((await problemOf(response)).status, 404);
});

Deno.test("mapError() is asked about requests that cannot be read, with the usual problem", async () => {
  const http = routes(echoApp, {
    mapError: (_error, _c, problem) => ({
      ...problem,
      type: `https://example.com/${problem.code}`,
    }),
  });
  const response = await new Hono().post("/", http.send(Echo)).request("/", post("{"));
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.type], [400, "https://example.com/invalid_json"]);
});

const broken: ReadonlyArray<readonly [string, () => Problem | Response]> = [
  ["throws", () => {
    throw new Error("secret");
  }],
  ["gives a status that is none of an error", () => ({ status: 200 })],
  ["gives a status that does not exist", () => ({ status: 1_000 })],
  ["gives what is no JSON", () => ({ status: 400, count: 1n })],
  ["gives a response that was used", () => {
    const response = new Response("x");
    response.body?.getReader();
    return response;
  }],
];

for (const [what, mapError] of broken) {
  Deno.test(`mapError() that ${what} leads to 500, and both errors are told`, async () => {
    const error = new Error("first");
    const { response, told } = await failWith(error, { mapError });
    const problem = await problemOf(response);
    assert.deepEqual([problem.status, problem.code], [500, "internal"]);
    assert.doesNotMatch(JSON.stringify(problem), /secret/);
    assert.equal(told[0], error);
    assert.equal(told.length, 2);
  });
}

Deno.test("an error whose own response cannot be had is answered with 500", async () => {
  const error = {
    getResponse() {
      throw new Error("secret");
    },
  };
  const { response, told } = await failWith(error, {});
  assert.equal((await problemOf(response)).code, "internal");
  assert.equal(told[0], error);
});

Deno.test("onError() is told of what is answered with 500 or more, with the context", async () => {
  const error = new Error();
  const paths: string[] = [];
  const { response } = await failWith(error, {
    mapError: () => ({ status: 503 }),
    onError: (_error, c) => void paths.push(c.req.path),
  });
  await problemOf(response);
  assert.deepEqual(paths, ["/"]);
});

Deno.test("onError() is not told of what the client did wrong", async () => {
  const told: unknown[] = [];
  const http = routes(echoApp, { onError: (error) => void told.push(error) });
  const response = await new Hono().post("/", http.send(Echo)).request("/", post("{"));
  await problemOf(response);
  assert.deepEqual(told, []);
});

for (
  const [what, onError] of [
    ["throws", () => {
      throw new Error();
    }],
    ["rejects", () => Promise.reject(new Error())],
  ] as const
) {
  Deno.test(`onError() that ${what} changes nothing`, async () => {
    const { response } = await failWith(new Error(), { onError });
    assert.equal((await problemOf(response)).code, "internal");
  });
}

Deno.test("routes() tell a client when to come again that found the replay log full", async () => {
  const { response } = await failWith(new ReplayLogFullError(1), {});
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [503, "replay_log_full"]);
  assert.equal(response.headers.get("retry-after"), "5");
});

Deno.test("mapError() that gives a full replay log another status drops Retry-After", async () => {
  const { response } = await failWith(new ReplayLogFullError(1), {
    mapError: () => ({ status: 500 }),
  });
  assert.equal((await problemOf(response)).status, 500);
  assert.equal(response.headers.get("retry-after"), null);
});
