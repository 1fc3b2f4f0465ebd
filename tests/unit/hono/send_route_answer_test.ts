import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers } from "../../../mod.ts";
import { type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { problemOf } from "./support.ts";

const Read = command("read").returns(z.object({ n: z.number() }));

/** What a route answers whose handler gives `result`, and the errors that it reports. */
async function answer(result: { n: number }, options: RouteOptions = {}) {
  const errors: unknown[] = [];
  const http = routes(bootstrap(handlers().on(Read, () => result)), {
    onError: (error) => void errors.push(error),
    ...options,
  });
  return {
    response: await new Hono().post("/", http.send(Read)).request("/", { method: "POST" }),
    errors,
  };
}

Deno.test("send() answers with what the schema of the result knows alone", async () => {
  const stored = { n: 1, password: "secret" };
  const { response, errors } = await answer(stored);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { n: 1 });
  assert.deepEqual(errors, []);
});

Deno.test("send() answers a result that does not fit its schema with a 500 that tells nothing of it", async () => {
  // @ts-expect-error -- JavaScript can
  const { response, errors } = await answer({ n: "secret" });
  assert.equal(response.status, 500);
  assert.deepEqual(await problemOf(response.clone()), {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    detail: "The request was handled, but its result cannot be sent",
    code: "result_invalid",
  });
  assert.doesNotMatch(await response.text(), /secret|number|"n"|issues|errors/);
  assert.deepEqual(errors.map((error) => (error as Error).name), ["MessageValidationError"]);
});

Deno.test("send() asks mapError about a result that cannot be sent, with that problem", async () => {
  const asked: unknown[] = [];
  // @ts-expect-error -- JavaScript can
  const { response, errors } = await answer({ n: "secret" }, {
    mapError: (error, _c, { code }) => {
      asked.push((error as Error).name, code);
      return { status: 502, code: "own" };
    },
  });
  assert.deepEqual(asked, ["MessageValidationError", "result_invalid"]);
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code, errors.length], [502, "own", 1]);
});

Deno.test("send() tells onError of a result that JSON cannot carry", async () => {
  const errors: unknown[] = [];
  const Sum = command("sum").returns<{ n: bigint }>();
  const http = routes(bootstrap(handlers().on(Sum, () => ({ n: 1n }))), {
    onError: (error) => void errors.push(error),
  });
  const response = await new Hono().post("/", http.send(Sum)).request("/", { method: "POST" });
  assert.equal((await problemOf(response)).code, "result_invalid");
  assert.ok(errors[0] instanceof TypeError);
  assert.equal(errors.length, 1);
});
