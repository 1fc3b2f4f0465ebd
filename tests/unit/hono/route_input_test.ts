import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, query } from "../../../mod.ts";
import { type RouteData, routes } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

const http = routes(echoApp);
const api = new Hono()
  .all("/items/:id/:part?", http.send(Echo, { safe: true }))
  .all("/items", http.send(Echo, { safe: true }));

async function echoed(path: string, init?: RequestInit): Promise<unknown> {
  const response = await api.request(path, init);
  assert.equal(response.status, 200);
  return await response.json();
}

/** What a route answers whose data comes from `from`. */
async function answered(from: RouteData<object>, init?: RequestInit): Promise<Response> {
  return await new Hono().all("/:id", http.send(Echo, from, { safe: true })).request(
    "/1?a=2",
    init,
  );
}

for (const method of ["GET", "DELETE"]) {
  Deno.test(`routes() take the data of ${method} from the query and the path`, async () => {
    assert.deepEqual(await echoed("/items/1?a=2&b=x%20y", { method }), {
      id: "1",
      a: "2",
      b: "x y",
    });
  });
}

Deno.test("routes() take the data of HEAD from the query, as that of GET", async () => {
  const Strict = query("strict", z.object({ a: z.literal("1") }));
  const http = routes(bootstrap(handlers().on(Strict, () => {})));
  const api = new Hono().get("/", http.send(Strict));
  assert.equal((await api.request("/?a=1", { method: "HEAD" })).status, 204);
  assert.equal((await api.request("/?a=2", { method: "HEAD" })).status, 400);
});

Deno.test("routes() give a query parameter that is repeated as an array", async () => {
  assert.deepEqual(await echoed("/items?a=1&b=2&a=3&a="), { a: ["1", "3", ""], b: "2" });
});

Deno.test("routes() let the path win over the query", async () => {
  assert.deepEqual(await echoed("/items/1?id=2&id=3"), { id: "1" });
});

for (const method of ["POST", "PUT", "PATCH"]) {
  Deno.test(`routes() take the data of ${method} from the body and the path`, async () => {
    assert.deepEqual(await echoed("/items/1?a=2", { ...post({ b: [3] }), method }), {
      id: "1",
      b: [3],
    });
  });
}

for (const init of [{}, post({ part: "2" })]) {
  const { method = "GET" } = init;
  Deno.test(`routes() take the parameters of the path for ${method} that are named, and no others`, async () => {
    const named = http.send(Echo, { safe: true, params: ["id", "missing"] });
    const api = new Hono().all("/:tenant/:id", named);
    const response = await api.request("/t1/1?part=2", init);
    assert.deepEqual(await response.json(), { id: "1", part: "2" });
  });
}

Deno.test("routes() take no parameters of the path when none is named", async () => {
  const api = new Hono().get("/:id", http.send(Echo, { safe: true, params: [] }));
  assert.deepEqual(await (await api.request("/1?id=2")).json(), { id: "2" });
});

Deno.test("routes() hand `from` the parameters of the path that are named", async () => {
  const from: RouteData<object> = (_c, { params }) => params;
  const api = new Hono().get("/:a/:b", http.send(Echo, from, { safe: true, params: ["b"] }));
  assert.deepEqual(await (await api.request("/1/2")).json(), { b: "2" });
});

Deno.test("routes() let the path win over the body", async () => {
  assert.deepEqual(await echoed("/items/1", post({ id: "2", part: "3" })), { id: "1", part: "3" });
});

for (const body of [[1, 2], "text", 7, null]) {
  Deno.test(`routes() take the body ${JSON.stringify(body)} as it is`, async () => {
    assert.deepEqual(await echoed("/items", post(JSON.stringify(body))), body);
  });

  Deno.test(`routes() refuse the body ${JSON.stringify(body)} where the path has parameters`, async () => {
    const problem = await problemOf(await api.request("/items/1", post(JSON.stringify(body))));
    assert.deepEqual([problem.status, problem.code, problem.detail], [
      400,
      "invalid_json",
      "The body of the request is no object",
    ]);
  });
}

Deno.test("routes() take a body that is no object where no parameter of the path is named", async () => {
  const api = new Hono().post("/:tenant", http.send(Echo, { params: [] }));
  const response = await api.request("/t1", post([1]));
  assert.deepEqual(await response.json(), [1]);
});

Deno.test("routes() take the path alone when there is no body", async () => {
  assert.deepEqual(await echoed("/items/1", { method: "PUT" }), { id: "1" });
  assert.deepEqual(await echoed("/items/1", post("")), { id: "1" });
});

Deno.test("routes() hand `from` the path, the query and the body", async () => {
  const response = await answered(
    async (_c, { params, query, json }) => ({ params, query, body: await json() }),
    post([3]),
  );
  assert.deepEqual(await response.json(), { params: { id: "1" }, query: { a: "2" }, body: [3] });
});

Deno.test("routes() take what `from` reads from the context", async () => {
  const response = await answered((c) => c.req.param());
  assert.deepEqual(await response.json(), { id: "1" });
});

Deno.test("routes() give `from` the variables of an environment that is written at its context", async () => {
  interface Env {
    readonly Variables: { readonly user: string };
  }
  const api = new Hono<Env>().use(async (c, next) => {
    c.set("user", "u1");
    await next();
  });
  api.get("/", http.send(Echo, (c: Context<Env>) => c.var.user.toUpperCase(), { safe: true }));
  const response = await api.request("/");
  assert.equal(await response.json(), "U1");
});

Deno.test("routes() read the body once, however often `from` asks for it", async () => {
  const response = await answered(
    async (_c, { json }) => [await json(), await json()],
    post({ a: 1 }),
  );
  assert.deepEqual(await response.json(), [{ a: 1 }, { a: 1 }]);
});

Deno.test("routes() read a body that a middleware has read before", async () => {
  const api = new Hono().use(async (c, next) => {
    await c.req.text();
    await next();
  });
  api.post("/", http.send(Echo));
  const response = await api.request("/", post({ a: 1 }));
  assert.deepEqual(await response.json(), { a: 1 });
});

Deno.test("routes() take JSON that `from` cannot parse for the client's fault", async () => {
  const response = await answered((c) => c.req.json(), post("{"));
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [400, "invalid_json"]);
});

Deno.test("routes() leave an HTTPException of `from` its own response", async () => {
  const response = await answered(() => {
    throw new HTTPException(401, { message: "Who are you?" });
  });
  assert.equal(response.status, 401);
  assert.equal(await response.text(), "Who are you?");
});

Deno.test("routes() take any other error of `from` for the server's fault", async () => {
  const response = await answered(() => {
    throw new Error("secret");
  });
  assert.equal((await problemOf(response)).code, "internal");
});

const owned = new Hono<{ Variables: { user: string } }>()
  .use((c, next) => {
    c.set("user", "ada");
    return next();
  })
  .all(
    "/:id",
    routes(echoApp, { safe: true }).send(
      Echo,
      (c: Context<{ Variables: { user: string } }>, { dataWith }) =>
        dataWith({ owner: c.var.user }),
    ),
  );

Deno.test("dataWith() adds members of the server's own, which win over all others", async () => {
  const posted = await owned.request("/m1", post({ id: "m2", owner: "eve", title: "x" }));
  assert.deepEqual(await posted.json(), { id: "m1", owner: "ada", title: "x" });
  const got = await owned.request("/m1?owner=eve&title=x");
  assert.deepEqual(await got.json(), { id: "m1", owner: "ada", title: "x" });
});

Deno.test("dataWith() takes a request without a body", async () => {
  const response = await owned.request("/m1", { method: "POST" });
  assert.deepEqual(await response.json(), { id: "m1", owner: "ada" });
});

for (const body of ["[1]", "null", "7", '"text"']) {
  Deno.test(`dataWith() refuses the body ${body}, which is no object`, async () => {
    const problem = await problemOf(await owned.request("/m1", post(body)));
    assert.deepEqual([problem.status, problem.code], [400, "invalid_json"]);
  });
}
