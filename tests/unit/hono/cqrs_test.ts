import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, handlers, query } from "../../../mod.ts";
import { cqrs } from "../../../src/hono/mod.ts";

const Count = query("count").returns<number>();
const Other = query("other");

Deno.test("cqrs() gives the routes behind it the application", async () => {
  const app = bootstrap(handlers().on(Count, () => 3));
  const api = new Hono().use(cqrs(app));
  api.get("/", async (c) => c.json(await c.var.app.send(Count())));
  const response = await api.request("/");
  assert.equal(await response.json(), 3);
});

Deno.test("cqrs() keeps the variables that others have added, with their types", async () => {
  const app = bootstrap(handlers().on(Count, () => 3));
  const api = new Hono<{ Variables: { user: string } }>()
    .use(async (c, next) => {
      c.set("user", "u1");
      await next();
    })
    .use(cqrs(app));
  api.get("/", async (c) => {
    const count: number = await c.var.app.send(Count());
    return c.text(`${c.var.user.toUpperCase()} ${count}`);
  });
  const response = await api.request("/");
  assert.equal(await response.text(), "U1 3");
});

Deno.test("cqrs() gives an application that cannot be sent what it does not handle", async () => {
  const api = new Hono().use(cqrs(bootstrap(handlers().on(Count, () => 3))));
  // @ts-expect-error -- nothing handles it
  api.get("/", async (c) => c.json(await c.var.app.send(Other())));
  api.onError((error, c) => c.text(error.name));
  const response = await api.request("/");
  assert.equal(await response.text(), "HandlerNotFoundError");
});
