/**
 * Routes of Hono: commands and queries over HTTP, streams as Server-Sent Events, errors as problem
 * details (RFC 9457).
 *
 * Data from outside is validated by the definition of its message, and errors tell a client nothing
 * of the server. Events keep their order and are not repeated: a stream that breaks off is not
 * resumed, and a client that comes back learns so.
 *
 * @example A query over HTTP
 * ```ts
 * import { bootstrap, handlers, query } from "@sluice/cqrs";
 * import { routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const ReadMeeting = query("meeting.read", z.object({ meetingId: z.string() }))
 *   .returns<{ link: string }>();
 * const app = bootstrap(
 *   handlers().on(ReadMeeting, ({ meetingId }) => ({ link: `https://meet.example/${meetingId}` })),
 * );
 *
 * const http = routes(app);
 * const api = new Hono().get("/meetings/:meetingId", http.send(ReadMeeting));
 *
 * const response = await api.request("/meetings/m1");
 * assert.deepEqual(await response.json(), { link: "https://meet.example/m1" });
 * ```
 *
 * @module
 */

export { cqrs, type CqrsEnv } from "./cqrs.ts";
export type { Problem } from "./problem.ts";
export type { RouteInput } from "./route_input.ts";
export type { RouteData, RouteHandler } from "./route_message.ts";
export type { RouteOptions, SseRouteOptions } from "./route_options.ts";
export { type Routes, routes } from "./routes.ts";
