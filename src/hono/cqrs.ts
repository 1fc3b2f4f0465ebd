import type { MiddlewareHandler } from "hono";
import type { App } from "../mediator/mod.ts";
import type { AnyMessage } from "../message/mod.ts";

/**
 * What {@linkcode cqrs} adds to the environment of a Hono application.
 *
 * @typeParam M The messages that the application handles.
 */
export interface CqrsEnv<M extends AnyMessage> {
  /** The variables of a request. */
  readonly Variables: {
    /** The application, as `c.var.app`. */
    readonly app: App<M>;
  };
}

/**
 * Gives the routes behind it the application as `c.var.app`, with its type:
 * sending what it does not handle does not compile.
 *
 * @example A route of your own
 * ```ts
 * import { bootstrap, handlers, query } from "@sluice/cqrs";
 * import { cqrs } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 *
 * const Count = query("count").returns<number>();
 * const app = bootstrap(handlers().on(Count, () => 3));
 *
 * const api = new Hono().use(cqrs(app));
 * api.get("/count", async (c) => c.text(`There are ${await c.var.app.send(Count())}`));
 *
 * const response = await api.request("/count");
 * assert.equal(await response.text(), "There are 3");
 * ```
 */
export function cqrs<M extends AnyMessage>(app: App<M>): MiddlewareHandler<CqrsEnv<M>> {
  return async function provideApp(c, next) {
    c.set("app", app);
    await next();
  };
}
