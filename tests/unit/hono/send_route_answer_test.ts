import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { problemOf } from "./support.ts";

const Read = command("read").returns(z.object({ n: z.number() }));

/** What a route answers whose handler gives `result`, and the errors that it reports. */
async function answer(result: { n: number }) {
  const errors: unknown[] = [];
  const http = routes(bootstrap(handlers().on(Read, () => result)), {
    onError: (error) => void errors.push(error),
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
  const problem = await problemOf(response.clone());
  assert.equal(problem.code, "internal");
  assert.doesNotMatch(await response.text(), /secret|number|"n"|issues|errors/);
  assert.deepEqual(errors.map((error) => (error as Error).name), ["MessageValidationError"]);
});
