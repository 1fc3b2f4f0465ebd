import type { Context, Env } from "hono";
import type { App } from "../mediator/mod.ts";
import { type AnyStreamRequest, validate } from "../message/mod.ts";
import { encodeSseEvent, sseStream } from "../stream/mod.ts";
import { describeError, reportError, respondToError } from "./error_answer.ts";
import { encodeProblem, problemOfHandling } from "./problem.ts";
import { type MessageSource, readMessage, type RouteHandler } from "./route_message.ts";
import type { SseRouteOptions } from "./route_options.ts";
import { END, RunEvents } from "./run_events.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  // Neither kept nor changed on the way, and not held back by nginx and those that follow it.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const DEFAULT_RETRY_MS = 3_000;

/** The id that tells an `EventSource` which comes back that it need not. */
const GONE_ID = "gone";

/** Where the message of a streaming route comes from. */
export interface StreamSource<M extends AnyStreamRequest, E extends Env>
  extends MessageSource<M, E> {
  readonly options: SseRouteOptions;
}

/** Makes a route that answers with the items of a streaming request as Server-Sent Events. */
export function sseRoute<M extends AnyStreamRequest, E extends Env>(
  app: App<M>,
  source: StreamSource<M, E>,
): RouteHandler<E> {
  const { options } = source;
  return async function sse(c) {
    const lastEventId = c.req.header("last-event-id") ?? "";
    if (lastEventId !== "") return respondToReturn(c, lastEventId, options);
    const request = await readMessage(c, source);
    if (request instanceof Response) return request;
    try {
      await app.start();
    } catch (error) {
      return respondToError(error, c, problemOfHandling(error), options);
    }
    const { type, answerSchema } = source.definition;
    const events = new RunEvents(app.stream(request), {
      check: answerSchema && ((item) => validate(type, answerSchema, item)),
      describe: (error) => describeError(error, c, problemOfHandling(error), options),
      report: (error) => reportError(error, c, options),
    });
    return c.body(sseStream(events, { retryMs: DEFAULT_RETRY_MS, ...options }), 200, HEADERS);
  };
}

/** Answers a client that comes back to a run. Runs end with their connection, and are not repeated unasked. */
function respondToReturn(c: Context, lastEventId: string, options: SseRouteOptions): Response {
  if (lastEventId === GONE_ID || lastEventId.endsWith(`:${END}`)) return c.body(null, 204);
  const data = encodeProblem({
    status: 410,
    detail: "The run has ended with its connection",
    code: "stream_gone",
  });
  const { retryMs = DEFAULT_RETRY_MS } = options;
  return c.body(
    encodeSseEvent({ event: "stream_gone", id: GONE_ID, data, retryMs }),
    200,
    HEADERS,
  );
}
