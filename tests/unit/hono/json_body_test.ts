import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers } from "../../../mod.ts";
import { type RouteOptions, routes } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

/** A body that comes in chunks, of which more than `chunks.length` are asked for at one's peril. */
function inChunks(...chunks: readonly Uint8Array<ArrayBuffer>[]) {
  const rest = [...chunks];
  const seen = { cancelled: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const chunk = rest.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel() {
      seen.cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { body, seen };
}

async function send(init: RequestInit, options: RouteOptions = {}): Promise<Response> {
  return await new Hono().post("/", routes(echoApp).send(Echo, undefined, options))
    .request("/", { method: "POST", ...init });
}

const json = { "content-type": "application/json" };

/** Nested arrays and objects, `levels` deep. */
function nested(levels: number): string {
  return `${'{"a":['.repeat(levels / 2)}${"]}".repeat(levels / 2)}`;
}

const hostile: ReadonlyArray<readonly [string, RequestInit, number, string]> = [
  ["JSON that is cut off", { headers: json, body: '{"a":' }, 400, "invalid_json"],
  ["JSON with something behind", { headers: json, body: "{} x" }, 400, "invalid_json"],
  ["blanks alone", { headers: json, body: "  " }, 400, "invalid_json"],
  ["JavaScript", { headers: json, body: "{a: 1}" }, 400, "invalid_json"],
  ["NaN", { headers: json, body: "NaN" }, 400, "invalid_json"],
  ["no UTF-8", { headers: json, body: new Uint8Array([34, 0xff, 34]) }, 400, "invalid_json"],
  [
    "a cut UTF-8 sequence",
    { headers: json, body: new Uint8Array([34, 0xe2]) },
    400,
    "invalid_json",
  ],
  ["UTF-16", { headers: json, body: new Uint8Array([0, 0x31, 0, 0x32]) }, 400, "invalid_json"],
  ["257 levels", { headers: json, body: `[${nested(256)}]` }, 400, "invalid_json"],
  ["100,000 levels", { headers: json, body: nested(100_000) }, 400, "invalid_json"],
  ["levels that stay open", { headers: json, body: "[".repeat(100_000) }, 400, "invalid_json"],
  ["a key __proto__", { headers: json, body: '{"__proto__":{"a":1}}' }, 400, "forbidden_key"],
  [
    "an escaped key __proto__",
    {
      headers: json,
      body: '[{"a":{"\\u005f_pr\\u006fto__":1}}]',
    },
    400,
    "forbidden_key",
  ],
  ["no content type", { body: new Uint8Array([0x7b, 0x7d]) }, 415, "unsupported_media_type"],
  ["a text", { body: "{}" }, 415, "unsupported_media_type"],
  ["a form", { body: new URLSearchParams("a=1") }, 415, "unsupported_media_type"],
  ["a multipart form", { body: new FormData() }, 415, "unsupported_media_type"],
];

for (const [what, init, status, code] of hostile) {
  Deno.test(`routes() answer a body of ${what} with ${status} and ${code}`, async () => {
    const problem = await problemOf(await send(init));
    assert.deepEqual([problem.status, problem.code], [status, code]);
    assert.equal(typeof problem.detail, "string");
  });
}

for (
  const type of [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON ;charset=utf-8",
    "application/cloudevents+json",
    "application/vnd.api+json;ext=bulk",
  ]
) {
  Deno.test(`routes() accept a body of type "${type}"`, async () => {
    const response = await send({ headers: { "content-type": type }, body: "[1]" });
    assert.deepEqual(await response.json(), [1]);
  });
}

for (
  const type of [
    "application/jsonp",
    "application/xml",
    "text/json",
    "text/plain; application/json",
    "xapplication/json",
    "application/json, text/plain",
    "application/+json",
    `application/${"+".repeat(50_000)}`,
  ]
) {
  Deno.test(`routes() refuse a body of type "${type.slice(0, 40)}"`, async () => {
    const init = { headers: { "content-type": type }, body: "[1]" };
    const response = await send(init, { maxHeaderBytes: Infinity });
    assert.equal((await problemOf(response)).code, "unsupported_media_type");
  });
}

Deno.test("routes() accept JSON behind a byte order mark", async () => {
  const response = await send(post("\ufeff[1]"));
  assert.deepEqual(await response.json(), [1]);
});

Deno.test("routes() accept 256 levels", async () => {
  const response = await send(post(nested(256)));
  assert.equal(await response.text(), nested(256));
});

Deno.test("routes() hand a recursive schema nothing that overflows its stack", async () => {
  const Tree = command("tree", z.json());
  const http = routes(bootstrap(handlers().on(Tree, () => {})));
  const response = await new Hono().post("/", http.send(Tree))
    .request("/", post(`${"[".repeat(50_000)}${"]".repeat(50_000)}`));
  assert.equal((await problemOf(response)).status, 400);
});

Deno.test("routes() leave keys alone that are named like members of every object", async () => {
  const text = '{"constructor":{"prototype":{"polluted":1}},"toString":1}';
  const response = await send(post(text));
  assert.equal(await response.text(), text);
  assert.equal("polluted" in {}, false);
});

Deno.test("routes() refuse a key __proto__ in the query", async () => {
  const api = new Hono().get("/", routes(echoApp).send(Echo, { safe: true }));
  const response = await api.request("/?a=1&__proto__=2");
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [400, "forbidden_key"]);
});

Deno.test("routes() accept a body of exactly maxBodyBytes bytes", async () => {
  const response = await send(post('"12345678"'), { maxBodyBytes: 10 });
  assert.equal(await response.json(), "12345678");
});

Deno.test("routes() answer a body of one byte more than maxBodyBytes with 413", async () => {
  const response = await send(post('"123456789"'), { maxBodyBytes: 10 });
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [413, "body_too_large"]);
});

Deno.test("routes() refuse a declared length over the limit without reading", async () => {
  const { body } = inChunks();
  const response = await send({ headers: { ...json, "content-length": "1048577" }, body });
  assert.equal((await problemOf(response)).status, 413);
  await body.cancel();
});

Deno.test("routes() accept a body of 1 MiB by default and no larger one", async () => {
  const fits = JSON.stringify("x".repeat(1_048_574));
  const accepted = await send(post(fits));
  assert.equal(await accepted.text(), fits);
  const refused = await send(post(` ${fits}`));
  assert.equal((await problemOf(refused)).status, 413);
});

Deno.test("routes() accept a body of any size without a limit", async () => {
  const response = await send(post(JSON.stringify("x".repeat(3_000_000))), {
    maxBodyBytes: Infinity,
  });
  assert.equal((await response.json()).length, 3_000_000);
});

Deno.test("routes() stop reading a body of undeclared length at the limit", async () => {
  const chunk = new Uint8Array(6).fill(0x31);
  const { body, seen } = inChunks(chunk, chunk, chunk);
  const response = await send({ headers: json, body }, { maxBodyBytes: 10 });
  assert.equal((await problemOf(response)).status, 413);
  assert.equal(seen.cancelled, true);
});

Deno.test("routes() join a body that comes in chunks, also within a UTF-8 sequence", async () => {
  const bytes = new TextEncoder().encode('"€"');
  const { body } = inChunks(bytes.slice(0, 2), bytes.slice(2, 3), bytes.slice(3));
  const response = await send({ headers: json, body });
  assert.equal(await response.json(), "€");
});

Deno.test("routes() answer a body that breaks off with 400", async () => {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.error(new Error("connection reset by 10.0.0.7"));
    },
  });
  const problem = await problemOf(await send({ headers: json, body }));
  assert.deepEqual([problem.status, problem.code], [400, "body_unreadable"]);
  assert.doesNotMatch(JSON.stringify(problem), /10\.0\.0\.7/);
});

for (
  const [what, body, status] of [["larger", '"123456789"', 413], [
    "not larger",
    '"12345678"',
    200,
  ]] as const
) {
  Deno.test(`routes() answer a body ${what} than maxBodyBytes with ${status} although a middleware has read it before`, async () => {
    const api = new Hono();
    api.use(async (c, next) => {
      await c.req.text();
      await next();
    });
    api.post("/", routes(echoApp).send(Echo, undefined, { maxBodyBytes: 10 }));
    const response = await api.request("/", post(body));
    assert.equal(response.status, status);
    await response.body?.cancel();
  });
}
