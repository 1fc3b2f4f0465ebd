import fc from "fast-check";
import { Hono } from "hono";
import assert from "node:assert/strict";
import { contentOf } from "../../../src/client/message_body.ts";
import { Watch } from "./support.ts";

function queryOf(data: unknown, url = "/watch"): string {
  return contentOf(Watch(data), url, "GET").url;
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
    assert.deepEqual(contentOf(Watch({ a: 1, b: "x" }), "/watch", method), {
      method,
      url: "/watch?a=1&b=x",
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

Deno.test("contentOf() repeats the parameter of an array, and leaves out one of an empty array", () => {
  assert.equal(queryOf({ tag: ["a", 1, true], none: [] }), "/watch?tag=a&tag=1&tag=true");
});

Deno.test("contentOf() writes in a query what JSON makes of the data", () => {
  const data = { at: new Date(0), left: undefined, call() {} };
  assert.equal(queryOf(data), "/watch?at=1970-01-01T00%3A00%3A00.000Z");
});

Deno.test("contentOf() adds to the query of the URL and drops its fragment", () => {
  assert.equal(queryOf({ a: 1 }, "http://a.example/b?c=d#e?f"), "http://a.example/b?c=d&a=1");
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

for (
  const [name, data] of [
    ["an array", ["a"]],
    ["a text", "a"],
    ["null", null],
    ["an object in it", { a: {} }],
    ["null in it", { a: null }],
    ["a number that JSON does not have", { a: NaN }],
    ["an array of arrays", { a: [["b"]] }],
    ["an array with undefined", { a: [undefined] }],
  ] as const
) {
  Deno.test(`contentOf() refuses to put ${name} into a query`, () => {
    assert.throws(() => queryOf(data), {
      name: "TypeError",
      message: /^Cannot write the data of "watch" as a query: /,
    });
  });
}

Deno.test("contentOf() writes a query that Hono reads as the same texts", async () => {
  const api = new Hono().get("/watch", (c) => c.json(c.req.queries()));
  const text = fc.string({ unit: "binary" }).filter((value) => value.isWellFormed());
  const name = text.filter((value) => value !== "__proto__" && value !== "");
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(name, fc.array(text, { minLength: 1 })),
      async (data) => {
        const response = await api.request(queryOf(data));
        assert.deepEqual(await response.json(), { ...data });
      },
    ),
  );
});
