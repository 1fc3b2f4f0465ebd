import { Hono } from "hono";
import assert from "node:assert/strict";
import { type RouteData, type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

/** What a route answers whose data comes from `from`. */
async function answered(
  from: RouteData<object> | undefined,
  init: RequestInit,
  options: RouteOptions = {},
): Promise<Response> {
  const api = new Hono().post("/", routes(echoApp).send(Echo, from, options));
  return await api.request("/", { method: "POST", ...init });
}

const list: RouteData<object> = async (_c, { bytes }) => [...await bytes()];

Deno.test("bytes() gives the body as it was sent, of any type", async () => {
  const response = await answered(list, { body: new Uint8Array([0xff, 0, 13, 10]) });
  assert.deepEqual(await response.json(), [0xff, 0, 13, 10]);
});

Deno.test("bytes() gives no bytes where there is no body", async () => {
  const response = await answered(list, {});
  assert.deepEqual(await response.json(), []);
});

const orders: ReadonlyArray<readonly [string, RouteData<object>]> = [
  ["bytes() first", async (_c, { bytes, json }) => [[...await bytes()], await json()]],
  ["json() first", async (_c, { bytes, json }) => {
    const value = await json();
    return [[...await bytes()], value];
  }],
  ["both at once", async (_c, { bytes, json }) => {
    const [body, value] = await Promise.all([bytes(), json()]);
    return [[...body], value];
  }],
];

for (const [what, from] of orders) {
  Deno.test(`bytes() and json() share one reading of the body, ${what}`, async () => {
    const response = await answered(from, post("[1]"));
    assert.deepEqual(await response.json(), [[0x5b, 0x31, 0x5d], [1]]);
  });
}

Deno.test("bytes() reads the body once, however often it is asked", async () => {
  const from: RouteData<object> = async (_c, { bytes }) => {
    const [first, second] = [await bytes(), await bytes()];
    return first === second;
  };
  const response = await answered(from, post("[1]"));
  assert.equal(await response.json(), true);
});

Deno.test("json() reads the body once, however often it is asked", async () => {
  const from: RouteData<object> = async (_c, { json }) => {
    const [first, second] = [await json(), await json()];
    return first === second;
  };
  const response = await answered(from, post("[1]"));
  assert.equal(await response.json(), true);
});

Deno.test("bytes() gives the body of which json() has refused the type", async () => {
  const from: RouteData<object> = async (_c, { bytes, json }) => {
    await assert.rejects(json, { message: "The body of the request must be application/json" });
    return [...await bytes()];
  };
  const response = await answered(from, { body: "1" });
  assert.deepEqual(await response.json(), [0x31]);
});

for (const [body, status] of [["1234567890", 200], ["12345678901", 413]] as const) {
  Deno.test(`bytes() leads to ${status} for ${body.length} bytes where 10 are accepted`, async () => {
    const response = await answered(list, { body }, { maxBodyBytes: 10 });
    assert.equal(response.status, status);
    if (status === 413) return assert.equal((await problemOf(response)).code, "body_too_large");
    assert.equal((await response.json()).length, 10);
  });
}

Deno.test("bytes() gives a body that a middleware has read before", async () => {
  const api = new Hono().use(async (c, next) => {
    await c.req.text();
    await next();
  }).post("/", routes(echoApp).send(Echo, list));
  const response = await api.request("/", { method: "POST", body: "1" });
  assert.deepEqual(await response.json(), [0x31]);
});

for (const from of [undefined, list]) {
  const what = from === undefined ? "routes()" : "bytes()";
  for (const encoding of ["gzip", "br", "identity, gzip", "Deflate"]) {
    Deno.test(`${what} refuse a body with the content encoding ${encoding}`, async () => {
      const response = await answered(from, post("[1]", { "content-encoding": encoding }));
      const problem = await problemOf(response);
      assert.deepEqual([problem.status, problem.code, problem.detail], [
        415,
        "unsupported_media_type",
        "The body of the request must have no content encoding",
      ]);
      assert.equal(response.headers.get("accept-encoding"), "identity");
    });
  }
}

for (const encoding of ["identity", "Identity", ""]) {
  Deno.test(`routes() take a body with the content encoding "${encoding}"`, async () => {
    const response = await answered(undefined, post("[1]", { "content-encoding": encoding }));
    assert.deepEqual(await response.json(), [1]);
  });
}
