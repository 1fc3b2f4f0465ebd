import type { Context } from "hono";
import { type SseEvent, sseStream } from "../stream/mod.ts";
import type { NamesInUse } from "./event_names.ts";
import { encodeProblem } from "./problem.ts";
import type { SseRouteOptions } from "./route_options.ts";
import { GONE_ID, urlOfRun } from "./run_id.ts";

/** The headers of every stream of events. */
export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  // Neither kept nor changed on the way, and not held back by nginx and those that follow it.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const DEFAULT_RETRY_MS = 3_000;

/**
 * Answers with events.
 *
 * @param run What stands for the run in its URL, if it can be resumed.
 */
export function respondWithEvents(
  c: Context,
  events: AsyncIterable<SseEvent>,
  options: Pick<SseRouteOptions, "heartbeatMs" | "retryMs" | "clock">,
  run?: string,
): Response {
  const location = run === undefined ? {} : { location: urlOfRun(run) };
  const body = sseStream(events, { retryMs: DEFAULT_RETRY_MS, ...options });
  // Where there is none, Hono's etag reads the stream to its end to make one. It is never the same.
  const etag = `W/"${crypto.randomUUID()}"`;
  return c.body(body, 200, { ...SSE_HEADERS, ...location, etag });
}

/** Answers a client that has the end of its run already: it need not come again. */
export function respondWithEnd(c: Context): Response {
  return c.body(null, 204, { "cache-control": "no-store" });
}

/** Says that a run, or the client's place in it, is gone. */
export function goneEvent({ gone }: Pick<NamesInUse<never>, "gone">): SseEvent {
  const data = encodeProblem({
    status: 410,
    detail: "The stream cannot be resumed",
    code: "stream_gone",
  });
  return { event: gone, id: GONE_ID, data };
}

/** A stream of one event. */
export async function* only(event: SseEvent): AsyncGenerator<SseEvent, undefined> {
  yield event;
}

/** Has a runtime that ends with its responses wait for the work. */
export function keepAlive(c: Context, work: Promise<void>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // Elsewhere there is no such context, and the process goes on.
  }
}
