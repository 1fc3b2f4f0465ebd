import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, domainEvent, handlers, query } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

const Rename = command("rename", z.object({ name: z.string() })).returns<unknown>();
const Read = query("read").returns<unknown>();
const Renamed = domainEvent("renamed");

/** Answers a request whose handler is `handle`. */
function answer(handle: () => unknown): Promise<Response> {
  const http = routes(bootstrap(handlers().on(Read, handle)));
  return Promise.resolve(new Hono().get("/", http.send(Read)).request("/"));
}

Deno.test("send() answers with the result as JSON", async () => {
  const response = await answer(() => ({ name: "Ada" }));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), { name: "Ada" });
});

for (const result of [null, 0, "", false, []]) {
  Deno.test(`send() answers with ${JSON.stringify(result)} as JSON`, async () => {
    const response = await answer(() => result);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), result);
  });
}

Deno.test("send() answers with 204 when there is no result", async () => {
  const response = await answer(() => undefined);
  assert.equal(response.status, 204);
  assert.equal(response.body, null);
});

Deno.test("send() keeps a status that was set before", async () => {
  const http = routes(echoApp);
  const api = new Hono().post("/", http.send(Echo, (c, { json }) => (c.status(201), json())));
  const response = await api.request("/", post({ id: 1 }));
  assert.equal(response.status, 201);
});

Deno.test("send() keeps the headers that middlewares have set, on success and failure", async () => {
  const http = routes(bootstrap(handlers().on(Rename, ({ name }) => name)));
  const api = new Hono();
  api.use(async (c, next) => {
    c.header("x-trace", "t1");
    await next();
  });
  api.post("/", http.send(Rename));
  for (const body of [{ name: "Ada" }, { name: 1 }]) {
    const response = await api.request("/", post(body));
    assert.equal(response.headers.get("x-trace"), "t1");
    await response.body?.cancel();
  }
});

Deno.test("send() runs a message without data whatever the request brings", async () => {
  const http = routes(bootstrap(handlers().on(Read, (data) => data === undefined)));
  const api = new Hono().post("/:id", http.send(Read));
  const response = await api.request("/1?a=2", { method: "POST", body: "no JSON" });
  assert.equal(await response.json(), true);
});

Deno.test("send() answers HEAD as GET, without the body", async () => {
  const http = routes(echoApp);
  const api = new Hono().get("/:id", http.send(Echo, { safe: true }));
  const response = await api.request("/1?a=2", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(await response.text(), "");
});

Deno.test("send() answers invalid data with 400 and the issues with their paths", async () => {
  const http = routes(bootstrap(handlers().on(Rename, () => {})));
  const response = await new Hono().post("/", http.send(Rename)).request("/", post({ name: 1 }));
  assert.equal(response.status, 400);
  assert.deepEqual(await problemOf(response), {
    type: "about:blank",
    title: "Bad Request",
    status: 400,
    detail: "The data of the request is not valid",
    code: "message_validation",
    issues: [{ message: "Invalid input: expected string, received number", path: ["name"] }],
  });
});

Deno.test("send() names no more than 100 issues", async () => {
  const Sum = command("sum", z.array(z.number()));
  const http = routes(bootstrap(handlers().on(Sum, () => {})));
  const api = new Hono().post("/", http.send(Sum));
  const response = await api.request("/", post(new Array(10_000).fill("x")));
  assert.equal((await problemOf(response)).issues?.length, 100);
});

Deno.test("send() answers a request that nothing handles with 500", async () => {
  const http = routes(bootstrap(handlers().on(Echo, () => {})));
  // @ts-expect-error -- nothing handles it
  const api = new Hono().get("/", http.send(Read));
  const response = await api.request("/");
  assert.deepEqual(await problemOf(response), {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    detail: "The request could not be handled",
    code: "internal",
  });
});

Deno.test("send() answers a failed handler with 500 and tells nothing of it", async () => {
  const response = await answer(() => {
    throw new Error("connection to db-7.internal refused");
  });
  assert.equal((await problemOf(response)).code, "internal");
});

for (const thrown of ["text", 7, null, undefined, { secret: 1 }]) {
  Deno.test(`send() answers a handler that throws ${JSON.stringify(thrown)} with 500`, async () => {
    const response = await answer(() => {
      throw thrown;
    });
    assert.equal((await problemOf(response)).code, "internal");
  });
}

Deno.test("send() takes a validation error within the handler for the server's fault", async () => {
  const response = await answer(() => Rename.parse({ name: 1 }));
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.issues], [500, undefined]);
});

Deno.test("send() takes a syntax error within the handler for the server's fault", async () => {
  const response = await answer(() => JSON.parse("{"));
  assert.equal(response.status, 500);
  await response.body?.cancel();
});

for (const result of [1n, () => 1, Symbol("s")]) {
  Deno.test(`send() answers with 500 when the result is a ${typeof result}`, async () => {
    const response = await answer(() => result);
    const problem = await problemOf(response);
    assert.deepEqual([problem.status, problem.code], [500, "result_invalid"]);
  });
}

Deno.test("send() answers with 500 and a code when what follows from a command failed", async () => {
  const app = bootstrap(
    handlers()
      .on(Rename, (_, { emit }) => emit(Renamed()))
      .on(Renamed, () => {
        throw new Error("secret");
      }),
  );
  const api = new Hono().post("/", routes(app).send(Rename));
  const response = await api.request("/", post({ name: "Ada" }));
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [500, "event_handling"]);
  assert.doesNotMatch(JSON.stringify(problem), /secret|renamed/);
});

Deno.test("send() leaves an HTTPException its own response", async () => {
  const response = await answer(() => {
    throw new HTTPException(409, { message: "Taken" });
  });
  assert.equal(response.status, 409);
  assert.equal(await response.text(), "Taken");
});

Deno.test("send() does not cancel its command when the signal of the request aborts", async () => {
  const leaving = new AbortController();
  const response = await new Hono()
    .get(
      "/",
      routes(bootstrap(
        handlers().on(Read, (_, { signal }) => {
          leaving.abort();
          return signal.aborted;
        }),
      )).send(Read),
    )
    .request("/", { signal: leaving.signal });
  assert.equal(await response.json(), false);
});
