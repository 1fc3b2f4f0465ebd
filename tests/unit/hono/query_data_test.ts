import { type Context, Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, query } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

const http = routes(echoApp, { safe: true, maxBodyBytes: 100 });
const api = new Hono()
  .all("/items", http.send(Echo))
  .all("/items/:id", http.send(Echo))
  .all("/own/:id", http.send(Echo, (_c: Context, { dataWith }) => dataWith({ owner: "ada" })))
  .all("/query", http.send(Echo, (_c: Context, { query }) => query));

const DATA = { cents: 100, live: false, none: null, ids: ["abcdef"], deep: { empty: [] } };

function at(path: string, data: unknown): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${path}?${new URLSearchParams({ a: "1", "sluice_data": text, ids: "2" })}`;
}

for (const method of ["GET", "DELETE"]) {
  Deno.test(`routes() take the data of ${method} from sluice_data, in place of all other parameters`, async () => {
    const response = await api.request(at("/items", DATA), { method });
    assert.deepEqual(await response.json(), DATA);
  });
}

Deno.test("routes() take the data of HEAD from sluice_data", async () => {
  const Typed = query("typed", z.object({ limit: z.literal(7) }));
  const api = new Hono().get("/", routes(bootstrap(handlers().on(Typed, () => {}))).send(Typed));
  for (const [limit, status] of [[7, 204], ["7", 400]] as const) {
    assert.equal((await api.request(at("/", { limit }), { method: "HEAD" })).status, status);
  }
});

Deno.test("routes() let the path win over sluice_data", async () => {
  const response = await api.request(at("/items/1", { id: "2", n: 3 }));
  assert.deepEqual(await response.json(), { id: "1", n: 3 });
});

Deno.test("dataWith() adds its members to sluice_data, over which the path wins", async () => {
  const response = await api.request(at("/own/1", { id: "2", owner: "eve", n: 3 }));
  assert.deepEqual(await response.json(), { id: "1", owner: "ada", n: 3 });
});

Deno.test("routes() take the data of POST from the body whatever sluice_data says", async () => {
  const response = await api.request(at("/items", { n: 1 }), post({ n: 2 }));
  assert.deepEqual(await response.json(), { n: 2 });
});

Deno.test("routes() hand `from` sluice_data as the text that it is", async () => {
  const response = await api.request("/query?sluice_data={");
  assert.deepEqual(await response.json(), { "sluice_data": "{" });
});

Deno.test("routes() take an empty object in sluice_data for no data at all", async () => {
  const response = await api.request(at("/items/1", {}));
  assert.deepEqual(await response.json(), { id: "1" });
});

const WHAT = 'The parameter "sluice_data"';
const refused: ReadonlyArray<readonly [string, string, string, string]> = [
  ["what is cut off", '{"a":', "invalid_json", `${WHAT} is not JSON in UTF-8`],
  ["nothing", "", "invalid_json", `${WHAT} is not JSON in UTF-8`],
  ["a list", "[1]", "invalid_json", `${WHAT} is no object`],
  ["null", "null", "invalid_json", `${WHAT} is no object`],
  ["a text", '"a"', "invalid_json", `${WHAT} is no object`],
  ["a number", "7", "invalid_json", `${WHAT} is no object`],
  [
    "a key __proto__",
    '{"__proto__":{"a":1}}',
    "forbidden_key",
    'The key "__proto__" is not accepted',
  ],
  [
    "a deep key __proto__",
    '{"a":[{"__proto__":1}]}',
    "forbidden_key",
    'The key "__proto__" is not accepted',
  ],
];

for (const [what, text, code, detail] of refused) {
  Deno.test(`routes() answer ${what} in sluice_data with 400 and ${code}`, async () => {
    for (const path of ["/items", "/items/1", "/own/1"]) {
      const problem = await problemOf(await api.request(at(path, text)));
      assert.deepEqual([problem.status, problem.code, problem.detail], [400, code, detail]);
    }
  });
}

Deno.test("routes() answer more than 256 levels in sluice_data with 400", async () => {
  const api = new Hono().get("/", routes(echoApp, { safe: true }).send(Echo));
  const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  assert.equal(await (await api.request(at("/", nested(256)))).text(), nested(256));
  const problem = await problemOf(await api.request(at("/", nested(257))));
  assert.deepEqual([problem.status, problem.detail], [
    400,
    `${WHAT} is nested deeper than 256 levels`,
  ]);
});

Deno.test("routes() answer sluice_data that is given twice with 400", async () => {
  const response = await api.request("/items?sluice_data={}&sluice_data={}");
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [400, "invalid_json"]);
});

for (const [count, status] of [[44, 200], [45, 413]] as const) {
  Deno.test(`routes() answer sluice_data of ${12 + 2 * count} bytes with ${status} where 100 are accepted`, async () => {
    const response = await api.request(at("/items", `{"text":"${"ä".repeat(count)}" }`));
    assert.equal(response.status, status);
    if (status === 200) return assert.deepEqual(await response.json(), { text: "ä".repeat(count) });
    const { code, detail } = await problemOf(response);
    assert.deepEqual([code, detail], ["body_too_large", `${WHAT} is larger than 100 bytes`]);
  });
}
