import { type Context, Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { timeout } from "hono/timeout";
import { validator } from "hono/validator";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, command, handlers, query, streamRequest, type } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { parseSse } from "../../../src/stream/mod.ts";
import { Echo, echoApp, eventNamesOf, eventsOf, post, problemOf } from "./support.ts";

const Read = query("read").returns<string>();
const Fail = query("fail");
const Rename = command("rename", z.object({ id: z.string(), name: z.string() })).returns<string>();
const Watch = streamRequest("watch", type<unknown>()).yields<string>();

const LONG = "long ".repeat(1_000);

/** Routes, and a gate at which the stream waits after its first item. */
function serve() {
  const gate = Promise.withResolvers<void>();
  const runs: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Read, () => (runs.push("read"), LONG))
      .on(Fail, () => {
        throw new Error("secret");
      })
      .on(Rename, ({ id, name }) => (runs.push("rename"), `${id} is ${name}`))
      .on(Watch, async function* () {
        runs.push("watch");
        yield "first";
        await gate.promise;
        yield LONG;
      }),
  );
  return { http: routes(app), open: gate.resolve, runs };
}

const compressed = { "accept-encoding": "gzip" };

Deno.test("sse() is neither compressed nor held back by Hono's compress", async () => {
  const { http, open } = serve();
  const api = new Hono().use(compress()).post("/", http.sse(Watch));
  const response = await api.request("/", post({}, compressed));
  assert.equal(response.headers.get("content-encoding"), null);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.ok(response.body);
  const events = [];
  for await (const { event } of parseSse(response.body)) {
    events.push(event);
    // The handler waits until what came before it has arrived here.
    if (event === "item") open();
  }
  assert.deepEqual(events, ["start", "item", "item", "done"]);
});

Deno.test("sse() is not compressed when every type is to be", async () => {
  const { http, open } = serve();
  const api = new Hono()
    .use(compress({ contentTypeFilter: () => true }))
    .post("/", http.sse(Watch));
  const response = await api.request("/", post({}, compressed));
  open();
  assert.equal(response.headers.get("content-encoding"), null);
  assert.deepEqual(await eventNamesOf(response), ["start", "item", "item", "done"]);
});

Deno.test("send() is compressed by Hono's compress", async () => {
  const { http } = serve();
  const api = new Hono().use(compress()).get("/", http.send(Read));
  const response = await api.request("/", { headers: compressed });
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.ok(response.body);
  const plain = response.body.pipeThrough(new DecompressionStream("gzip"));
  assert.equal(await new Response(plain).json(), LONG);
});

Deno.test("routes() work in an application that is mounted, with the parameters of both paths", async () => {
  const api = new Hono()
    .basePath("/v1")
    .route("/teams/:team", new Hono().all("/:id", routes(echoApp).send(Echo)));
  const response = await api.request("/v1/teams/t1/7", post({ name: "Ada" }));
  assert.deepEqual(await response.json(), { team: "t1", id: "7", name: "Ada" });
});

Deno.test("routes() of several applications stand beside each other", async () => {
  const { http } = serve();
  const api = new Hono()
    .route("/one", new Hono().get("/", http.send(Read)))
    .route("/other", new Hono().post("/", routes(echoApp).send(Echo)));
  assert.equal(await (await api.request("/one")).json(), LONG);
  assert.deepEqual(await (await api.request("/other", post([1]))).json(), [1]);
});

Deno.test("routes() read the body behind a validator that has read it", async () => {
  const seen: unknown[] = [];
  const check = validator("json", (value) => (seen.push(value), value));
  const api = new Hono().post("/:id", check, serve().http.send(Rename));
  const response = await api.request("/u1", post({ name: "Ada" }));
  assert.equal(await response.json(), "u1 is Ada");
  assert.deepEqual(seen, [{ name: "Ada" }]);
});

Deno.test("routes() give `from` what a validator has made of the body", async () => {
  const trimmed = validator("json", ({ name }) => ({ name: String(name).trim() }));
  const from = (c: Context<object, string, { out: { json: { name: string } } }>) => ({
    ...c.req.valid("json"),
    id: c.req.param("id"),
  });
  const api = new Hono()
    .post("/typed/:id", trimmed, serve().http.send(Rename, from))
    .post("/:id", trimmed, serve().http.send(Rename, (c) => ({ ...c.req.valid("json"), id: "x" })));
  assert.equal(await (await api.request("/typed/u1", post({ name: " Ada " }))).json(), "u1 is Ada");
  assert.equal(await (await api.request("/u1", post({ name: " Ada " }))).json(), "x is Ada");
});

Deno.test("routes() leave the answer to a validator that refuses", async () => {
  const { http, runs } = serve();
  const refuse = validator("json", (_value, c) => c.text("No", 422));
  const api = new Hono().post("/:id", refuse, http.send(Rename));
  const response = await api.request("/u1", post({ name: "Ada" }));
  assert.equal(response.status, 422);
  assert.equal(await response.text(), "No");
  assert.deepEqual(runs, []);
});

Deno.test("routes() run nothing behind authentication that answers 401", async () => {
  const { http, runs } = serve();
  const api = new Hono()
    .use(bearerAuth({ token: "token" }))
    .get("/read", http.send(Read))
    .all("/watch", http.sse(Watch));
  for (const [path, init] of [["/read", {}], ["/watch", post({})]] as const) {
    const response = await api.request(path, init);
    assert.equal(response.status, 401);
    await response.body?.cancel();
  }
  assert.deepEqual(runs, []);
});

Deno.test("routes() give `from` the variable that authentication sets", async () => {
  interface Env {
    readonly Variables: { readonly user: string };
  }
  const api = new Hono<Env>()
    .use(async (c, next) => {
      c.set("user", c.req.header("x-user") ?? "nobody");
      await next();
    })
    .post("/", serve().http.send(Rename, (c: Context<Env>) => ({ id: c.var.user, name: "Ada" })));
  const response = await api.request("/", { method: "POST", headers: { "x-user": "u7" } });
  assert.equal(await response.json(), "u7 is Ada");
});

Deno.test("routes() keep the headers of CORS on results, problems and streams", async () => {
  const { http, open } = serve();
  open();
  const api = new Hono()
    .use(cors({ origin: "https://page.example", exposeHeaders: ["location"] }))
    .all("/read", http.send(Read))
    .all("/fail", http.send(Fail))
    .all("/watch", http.sse(Watch));
  const headers = { origin: "https://page.example" };
  for (const [path, status] of [["/read", 200], ["/fail", 500], ["/watch", 200]] as const) {
    const response = await api.request(path, post({}, headers));
    assert.equal(response.status, status);
    assert.equal(response.headers.get("access-control-allow-origin"), "https://page.example");
    await response.text();
  }
});

Deno.test("routes() leave a preflight to CORS, and run nothing for it", async () => {
  const { http, runs } = serve();
  const api = new Hono()
    .use(cors({ origin: "https://page.example" }))
    .all("/watch", http.sse(Watch));
  const response = await api.request("/watch", {
    method: "OPTIONS",
    headers: { origin: "https://page.example", "access-control-request-method": "POST" },
  });
  assert.equal(response.status, 204);
  assert.match(response.headers.get("access-control-allow-methods") ?? "", /POST/);
  assert.deepEqual(runs, []);
});

Deno.test("send() is answered with 304 by Hono's etag when the client has it", async () => {
  const api = new Hono().use(etag()).get("/", serve().http.send(Read));
  const first = await api.request("/");
  const tag = first.headers.get("etag") ?? "";
  await first.body?.cancel();
  assert.notEqual(tag, "");
  const second = await api.request("/", { headers: { "if-none-match": tag } });
  assert.equal(second.status, 304);
});

Deno.test("sse() is not held back by Hono's etag, and never taken for one that the client has", async () => {
  const { http, open } = serve();
  const api = new Hono().use(etag()).all("/", http.sse(Watch, { safe: true }));
  const first = await api.request("/");
  open();
  assert.equal(first.status, 200);
  assert.deepEqual(await eventNamesOf(first), ["start", "item", "item", "done"]);
  const tag = first.headers.get("etag") ?? "";
  const second = await api.request("/", { headers: { "if-none-match": tag } });
  assert.equal(second.status, 200);
  assert.deepEqual(await eventNamesOf(second), ["start", "item", "item", "done"]);
});

Deno.test("routes() keep the headers that Hono's secureHeaders sets", async () => {
  const { http, open } = serve();
  open();
  const api = new Hono()
    .use(secureHeaders())
    .get("/fail", http.send(Fail))
    .post("/watch", http.sse(Watch));
  const failed = await api.request("/fail");
  assert.equal(failed.headers.get("x-content-type-options"), "nosniff");
  assert.equal((await problemOf(failed)).code, "internal");
  const watched = await api.request("/watch", post({}));
  assert.equal(watched.headers.get("x-content-type-options"), "nosniff");
  await watched.text();
});

Deno.test("sse() streams on behind Hono's timeout, which is over with the headers", async () => {
  const { http, open } = serve();
  const api = new Hono().use(timeout(1_000_000)).post("/", http.sse(Watch));
  const response = await api.request("/", post({}));
  open();
  assert.equal((await eventsOf(response)).length, 4);
});

Deno.test("routes() leave the error of Hono's timeout to Hono", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const api = new Hono()
    .use(timeout(1))
    .get("/", routes(bootstrap(handlers().on(Read, () => promise))).send(Read));
  const response = await api.request("/");
  assert.equal(response.status, 504);
  assert.equal(await response.text(), "Gateway Timeout");
  resolve("late");
  await promise;
});

Deno.test("routes() leave onError and notFound of the application to what is not theirs", async () => {
  const { http } = serve();
  const api = new Hono()
    .get("/fail", http.send(Fail))
    .get("/other", () => {
      throw new Error("other");
    })
    .onError((error, c) => c.text(`onError: ${error.message}`, 500))
    .notFound((c) => c.text("notFound", 404));
  assert.equal((await problemOf(await api.request("/fail"))).code, "internal");
  assert.equal(await (await api.request("/other")).text(), "onError: other");
  assert.equal(await (await api.request("/fail/x")).text(), "notFound");
  assert.equal(await (await api.request("/fail", { method: "POST" })).text(), "notFound");
});

Deno.test("routes() answer with the response of an HTTPException that `from` throws, and its headers", async () => {
  const { http, runs } = serve();
  const res = new Response("Pay first", { status: 402, headers: { "x-price": "7" } });
  const from = () => {
    throw new HTTPException(402, { res });
  };
  const api = new Hono().all("/send", http.send(Rename, from)).all("/sse", http.sse(Watch, from));
  for (const path of ["/send", "/sse"]) {
    const response = await api.request(path, post({}));
    assert.equal(response.status, 402);
    assert.equal(response.headers.get("x-price"), "7");
    await response.body?.cancel();
  }
  assert.deepEqual(runs, []);
});
