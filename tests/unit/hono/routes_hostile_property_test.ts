import fc from "fast-check";
import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers, streamRequest } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { parseSse } from "../../../src/stream/mod.ts";
import { checkedProblem, Echo } from "./support.ts";

const Strict = command("strict", z.object({ id: z.string(), a: z.number().optional() }))
  .returns<unknown>();
const Json = command("json", z.json()).returns<unknown>();
const Items = streamRequest("items", z.record(z.string(), z.unknown())).yields<unknown>();

/** Errors that reached the server's log: there must be none, as no handler here fails. */
const told: unknown[] = [];

const http = routes(
  bootstrap(
    handlers()
      .on(Echo, (data) => data)
      .on(Strict, (data) => data)
      .on(Json, (data) => data)
      .on(Items, async function* (data) {
        yield data;
      }),
  ),
  { maxBodyBytes: 1_000, onError: (error) => void told.push(error) },
);
const api = new Hono()
  .all("/echo/:id", http.send(Echo, { safe: true }))
  .all("/strict/:id", http.send(Strict))
  .all("/json/:id", http.send(Json, { safe: true }))
  .all("/items/:id", http.sse(Items, { safe: true }))
  .all("/stream/:id", http.sse(Items))
  .all("/own/:id", http.send(Echo, (c) => c.req.json(), { safe: true }));

const awkwardText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "prototype", "toString", "then", "", "\u0000", "%"),
);

const jsonText = fc.oneof(
  fc.json(),
  fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    "1e999",
    "-0",
    "123456789012345678901234567890",
    '{"__proto__":{"x":1}}',
    '{"\\u005f_proto__":1}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"toJSON":1,"then":1}',
    '"\\ud800"',
    "{",
    "",
  ),
  fc.nat(900).map((levels) => "[".repeat(levels) + "]".repeat(levels)),
  fc.dictionary(awkwardText, fc.jsonValue()).map((value) => JSON.stringify(value)),
);

const body = fc.oneof(
  jsonText,
  fc.string({ unit: "binary", maxLength: 3_000 }),
  fc.uint8Array({ maxLength: 3_000 }),
);

const contentType = fc.oneof(
  { weight: 4, arbitrary: fc.constant("application/json") },
  fc.constantFrom("application/x+json", "text/plain", "application/json;", "", ";", "application/"),
  fc.stringMatching(/^[\x20-\x7e]*$/),
);

const request = fc.record({
  route: fc.constantFrom("echo", "strict", "json", "items", "stream", "own"),
  method: fc.constantFrom(
    "GET",
    "HEAD",
    "DELETE",
    "POST",
    "PUT",
    "PATCH",
    "QUERY",
    "OPTIONS",
    "MKCOL",
  ),
  id: awkwardText,
  query: fc.oneof(
    fc.webQueryParameters(),
    jsonText.map((text) => `sluice_data=${encode(text)}`),
    fc.array(fc.tuple(awkwardText, awkwardText)).map((pairs) =>
      pairs.map(([key, value]) => `${encode(key)}=${encode(value)}`).join("&")
    ),
  ),
  contentType: fc.option(contentType, { nil: undefined }),
  site: fc.option(fc.constantFrom("same-origin", "none", "cross-site"), {
    nil: undefined,
    freq: 2,
  }),
  encoding: fc.option(fc.constantFrom("identity", "gzip"), { nil: undefined, freq: 2 }),
  traceparent: fc.stringMatching(/^[\x20-\x7e]*$/),
  body: fc.option(body, { nil: undefined }),
});

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

type Shape = typeof request extends fc.Arbitrary<infer T> ? T : never;

function toRequest({ route, method, id, query, body, ...shape }: Shape): Request {
  const { contentType, site, encoding, traceparent } = shape;
  const headers = new Headers({ traceparent });
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body?.slice();
  if (contentType !== undefined) headers.set("content-type", contentType);
  if (site !== undefined) headers.set("sec-fetch-site", site);
  if (encoding !== undefined) headers.set("content-encoding", encoding);
  return new Request(`http://localhost/${route}/${encode(id) || "0"}?${query}`, {
    method,
    headers,
    ...(hasBody && { body: bytes as Uint8Array<ArrayBuffer> }),
  });
}

/** A success of the form that the route promises, or a problem that is the client's fault. */
async function check(response: Response, isHead: boolean): Promise<void> {
  const text = await response.text();
  const type = response.headers.get("content-type");
  if (isHead) return assert.equal(text, "");
  if (response.status === 200 && type === "application/json") return void JSON.parse(text);
  if (response.status === 200) {
    assert.equal(type, "text/event-stream");
    const source = new Response(text).body;
    assert.ok(source);
    const names = (await Array.fromAsync(parseSse(source))).map(({ event }) => event);
    return assert.deepEqual(names, ["start", "item", "done"]);
  }
  assert.equal(type, "application/problem+json");
  const { status, code } = checkedProblem(text, response.status);
  assert.ok([400, 403, 405, 413, 415].includes(status), String(status));
  assert.equal(response.headers.has("allow"), status === 405);
  assert.equal(typeof code, "string");
}

Deno.test("routes() answer any request with a success or a problem, and never fail", async () => {
  await fc.assert(
    fc.asyncProperty(request, async (shape) => {
      const response = await api.request(toRequest(shape));
      await check(response, shape.method === "HEAD");
      assert.ok(response.status < 500);
      assert.deepEqual(told, []);
      assert.deepEqual(Object.keys(Object.prototype), []);
      assert.equal(Object.getPrototypeOf(Object.prototype), null);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("routes() give back any JSON that fits, as it was sent", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__")),
      async (value) => {
        const text = JSON.stringify(value);
        fc.pre(new TextEncoder().encode(text).length <= 1_000);
        const response = await api.request("/own/1", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: text,
        });
        assert.deepEqual(await response.json(), JSON.parse(text));
      },
    ),
  );
});
