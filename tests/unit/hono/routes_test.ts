import { type Context, Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, streamRequest, type } from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { Echo, echoApp, post, problemOf } from "./support.ts";

const Count = streamRequest("count", type<{ to: string }>()).yields<number>();
const Other = command("other");
const OtherStream = streamRequest("other.stream");

const app = bootstrap(
  handlers().on(Echo, (data) => data).on(Count, async function* () {
    yield await Promise.resolve(1);
  }),
);

const bad: ReadonlyArray<SseRouteOptions> = [
  { maxBodyBytes: 0 },
  { maxBodyBytes: 1.5 },
  { maxBodyBytes: NaN },
  { maxBodyBytes: -1 },
  { maxHeaderBytes: 0 },
  { maxHeaderBytes: 1.5 },
  { maxHeaderBytes: NaN },
  { maxHeaderBytes: -Infinity },
  { heartbeatMs: -1 },
  { heartbeatMs: NaN },
  { retryMs: -1 },
  { retryMs: 0.5 },
];

for (const options of bad) {
  const [[name, value] = []] = Object.entries(options);
  Deno.test(`routes() refuse ${name} ${value}, for all routes and for one`, () => {
    const refused = { name: "RangeError", message: new RegExp(`${name}.*${value}`) };
    assert.throws(() => routes(app, options), refused);
    assert.throws(() => routes(app).sse(Count, undefined, options), refused);
    assert.throws(() => routes(app).sse(Count, options), refused);
  });
}

Deno.test("routes() let the options of one route win over those of all", async () => {
  const http = routes(echoApp, { maxBodyBytes: 1, mapError: () => ({ status: 418 }) });
  const api = new Hono()
    .post("/own", http.send(Echo, { maxBodyBytes: 10 }))
    .post("/all", http.send(Echo));
  const own = await api.request("/own", post([1]));
  assert.deepEqual(await own.json(), [1]);
  const all = await api.request("/all", post([1]));
  assert.equal(all.status, 418);
  await all.body?.cancel();
});

for (const from of [undefined, () => "from"]) {
  Deno.test(`send() takes options behind ${from ? "a function" : "undefined"} too`, async () => {
    const api = new Hono().post("/", routes(echoApp).send(Echo, from, { maxBodyBytes: 2 }));
    const response = await api.request("/", post([1]));
    assert.equal(response.status, from ? 200 : 413);
    await response.body?.cancel();
  });

  Deno.test(`sse() takes options behind ${from ? "a function" : "undefined"} too`, async () => {
    const api = new Hono().get("/", routes(app).sse(Count, from, { safe: true, retryMs: 7 }));
    assert.match(await (await api.request("/")).text(), /^retry: 7\n/);
  });
}

Deno.test("routes() of what the application does not handle do not compile", () => {
  const http = routes(app);
  // @ts-expect-error -- nothing handles it
  http.send(Other);
  // @ts-expect-error -- nothing handles it
  http.sse(OtherStream);
  // @ts-expect-error -- a stream is no command
  http.send(Count);
  // @ts-expect-error -- a command is no stream
  http.sse(Echo);
});

Deno.test("routes() know the type of the context that `from` gets", () => {
  interface Env {
    readonly Variables: { readonly user: string };
  }
  const http = routes(app);
  http.send(Echo, (c: Context<Env>) => {
    const user: string = c.var.user;
    // @ts-expect-error -- there is no such variable
    return [user, c.var.team];
  });
  http.sse(Count, (c) => {
    const params: Record<string, string> = c.req.param();
    // @ts-expect-error -- nothing says that there is one
    return [params, c.var.user];
  });
});

Deno.test("routes() of an application can stand in for routes of fewer messages", async () => {
  const http: ReturnType<typeof routes<ReturnType<typeof Echo>>> = routes(app);
  const response = await new Hono().post("/", http.send(Echo)).request("/", post("{"));
  await problemOf(response);
});
