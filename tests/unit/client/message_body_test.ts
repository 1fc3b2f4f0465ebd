import fc from "fast-check";
import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, handlers } from "../../../mod.ts";
import { contentOf } from "../../../src/client/message_body.ts";
import { routes } from "../../../src/hono/mod.ts";
import { Read, Watch } from "./support.ts";

function queryOf(data: unknown, url = "/watch"): string {
  return contentOf(Watch(data), url, "GET").url;
}

/** The query of data that is sent as JSON. */
function jsonQuery(data: unknown): string {
  return `/watch?${new URLSearchParams({ sluice_data: JSON.stringify(data) })}`;
}

for (const method of ["POST", "PUT", "PATCH"]) {
  Deno.test(`contentOf() puts the data of ${method} into the body`, () => {
    assert.deepEqual(contentOf(Watch({ a: 1 }), "/watch?b=2", method), {
      method,
      url: "/watch?b=2",
      body: '{"a":1}',
    });
  });
}

for (const method of ["GET", "DELETE"]) {
  Deno.test(`contentOf() puts the data of ${method} into the query`, () => {
    assert.deepEqual(contentOf(Watch({ a: "y", b: "x" }), "/watch", method), {
      method,
      url: "/watch?a=y&b=x",
      body: null,
    });
  });
}

Deno.test("contentOf() has no body for a message without data", () => {
  assert.equal(contentOf(Watch(undefined), "/watch", "POST").body, null);
  assert.equal(queryOf(undefined), "/watch");
});

Deno.test("contentOf() writes null as JSON", () => {
  assert.equal(contentOf(Watch(null), "/watch", "POST").body, "null");
});

Deno.test("contentOf() repeats the parameter of a list of strings", () => {
  assert.equal(queryOf({ tag: ["a", "b"], c: "d" }), "/watch?tag=a&tag=b&c=d");
});

for (
  const [name, data] of [
    ["a number", { a: 1, b: "x" }],
    ["a boolean", { a: false }],
    ["null", { a: null }],
    ["an object", { a: { b: "c" } }],
    ["an empty list", { a: [] }],
    ["a list of one string", { a: ["b"] }],
    ["a list of numbers", { a: [1, 2] }],
    ["a list of lists", { a: [["b"], ["c"]] }],
    ["a string with half a character", { a: "\ud83c" }],
    ["a name with half a character", { "\udf0d": "a" }],
    ["an empty name", { "": "a" }],
    ["the name of the prototype", { ["__proto__"]: "a" }],
    ["the name of the parameter itself", { "sluice_data": "{}" }],
    ["the name that would resume a run", { "sluice_run": "r" }],
  ] as const
) {
  Deno.test(`contentOf() puts data with ${name} into one parameter as JSON`, () => {
    assert.equal(queryOf(data), jsonQuery(data));
  });
}

for (const data of [["a", "b"], "a", 7, null]) {
  Deno.test(`contentOf() puts ${JSON.stringify(data)} into one parameter as JSON`, () => {
    assert.equal(queryOf(data), jsonQuery(data));
  });
}

Deno.test("contentOf() puts what JSON makes of data into one parameter", () => {
  assert.equal(queryOf({ a: NaN, b: [undefined] }), jsonQuery({ a: null, b: [null] }));
});

Deno.test("contentOf() does not mix a string with a parameter of the same name in the URL", () => {
  const query = jsonQuery({ tag: "a" }).replace("/watch?", "");
  assert.equal(queryOf({ tag: "a" }, "/watch?tag=b#c"), `/watch?tag=b&${query}`);
});

Deno.test("contentOf() writes in a query what JSON makes of the data", () => {
  const data = { at: new Date(0), left: undefined, call() {} };
  assert.equal(queryOf(data), "/watch?at=1970-01-01T00%3A00%3A00.000Z");
});

Deno.test("contentOf() adds to the query of the URL and drops its fragment", () => {
  assert.equal(queryOf({ a: "g" }, "http://a.example/b?c=d#a?a"), "http://a.example/b?c=d&a=g");
  assert.equal(queryOf({}, "/b#e"), "/b#e");
});

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

for (
  const [name, data] of [
    ["a bigint", { a: 1n }],
    ["a cycle", cyclic],
    ["a function", () => {}],
    ["a symbol", Symbol("a")],
    ["a toJSON() that throws", {
      toJSON() {
        throw new Error("Thrown");
      },
    }],
  ] as const
) {
  Deno.test(`contentOf() refuses ${name} in every method`, () => {
    for (const method of ["POST", "GET"]) {
      assert.throws(() => contentOf(Watch(data), "/watch", method), {
        name: "TypeError",
        message: 'Cannot write the data of "watch" as JSON',
      });
    }
  });
}

Deno.test("contentOf() keeps what refused the data as the cause", () => {
  assert.throws(
    () => contentOf(Watch({ a: 1n }), "/watch", "POST"),
    (error) => error instanceof TypeError && error.cause instanceof TypeError,
  );
});

Deno.test("contentOf() writes a query that a route reads as the data that was sent", async () => {
  const http = routes(bootstrap(handlers().on(Read, (data) => data)));
  const api = new Hono().get("/watch", http.send(Read));
  const text = fc.string({ unit: "binary" });
  const name = text.filter((value) => value !== "__proto__"); // no server takes it
  const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"));
  const texts = fc.oneof(text, fc.array(text));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.dictionary(name, texts), fc.dictionary(name, fc.oneof(texts, json))),
      async (data) => {
        const response = await api.request(queryOf(data));
        assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(data)));
      },
    ),
  );
});
