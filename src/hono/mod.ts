/**
 * Routes of Hono: commands and queries over HTTP, streams as Server-Sent Events, errors as problem
 * details (RFC 9457).
 *
 * Data from outside is validated by the definition of its message, and errors tell a client nothing
 * of the server. What may change something is not run over `GET`. Events keep their order, and a
 * request never runs twice because its client comes back: a stream that breaks off is resumed where a
 * replay log keeps it, and otherwise the client learns that it is gone. The progress of a saga is resumed from
 * its own log, on any server. Hono's own client knows the
 * types of the routes. Ticks of background jobs and the health of the application have routes too.
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

export type {
  ClientArgument,
  ClientInput,
  ClientJson,
  ClientQuery,
  DispatchResponse,
  NoContentResponse,
  ProblemResponse,
  QueryValue,
  ResultResponse,
  SendResponse,
  SseResponse,
  TextKey,
} from "./client_types.ts";
export { cqrs, type CqrsEnv } from "./cqrs.ts";
export type { EventNames } from "./event_names.ts";
export type { HealthCheck } from "./health_check.ts";
export {
  type HealthCheckReport,
  type HealthReport,
  type HealthResponse,
  healthRoute,
  type HealthRouteOptions,
} from "./health_route.ts";
export type { Problem } from "./problem.ts";
export type { RouteInput } from "./route_input.ts";
export type { RouteContext, RouteData, RouteHandler, ValidatedInput } from "./route_message.ts";
export type { RouteOptions, SseRouteOptions } from "./route_options.ts";
export type { SagaRouteOptions } from "./saga_options.ts";
export { type Routes, routes } from "./routes.ts";
export { type TickHandler, tickRoute, type TickRouteOptions } from "./tick_route.ts";
