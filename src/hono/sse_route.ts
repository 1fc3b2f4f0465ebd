import type { Context, Env } from "hono";
import type { App } from "../mediator/mod.ts";
import { type AnyMessage, type AnyStreamRequest, validate } from "../message/mod.ts";
import { type SseEvent, sseStream } from "../stream/mod.ts";
import { describeError, reportError, respondToError } from "./error_answer.ts";
import { encodeProblem, problemOfHandling, problemOfRequest } from "./problem.ts";
import { record } from "./recording.ts";
import { ReplayedEvents } from "./replayed_events.ts";
import { methodNotAllowed } from "./route_method.ts";
import { type MessageSource, readMessage, type RouteHandler } from "./route_message.ts";
import { isSafe, type SseRouteOptions } from "./route_options.ts";
import { type RunAccess, runAccess } from "./run_access.ts";
import { RunEvents } from "./run_events.ts";
import { GONE_ID, idOfEnd, readReturn, type Return, runOfUrl, urlOfRun } from "./run_id.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  // Neither kept nor changed on the way, and not held back by nginx and those that follow it.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const DEFAULT_RETRY_MS = 3_000;

/** Where the message of a streaming route comes from. */
export interface StreamSource<M extends AnyMessage, E extends Env> extends MessageSource<M, E> {
  readonly options: SseRouteOptions;
}

/** Makes a route that answers with the items of a streaming request as Server-Sent Events. */
export function sseRoute<M extends AnyStreamRequest, E extends Env>(
  app: App<M>,
  source: StreamSource<M, E>,
): RouteHandler<E> {
  const { definition, options } = source;
  const access = runAccess(definition.type, options);
  return async function sse(c) {
    const { method } = c.req;
    // Hono runs the handler of GET for HEAD, and drops the body without cancelling it.
    if (method === "HEAD") return c.body(null, 200, HEADERS);
    const back = readReturn(c);
    try {
      if (method === "DELETE") return await cancel(c, source, access);
      if (back !== undefined) return await resume(c, back, options, access);
    } catch (error) {
      return respondToError(error, c, problemOfRequest(error), options);
    }
    const request = await readMessage(c, source);
    if (request instanceof Response) return request;
    try {
      await app.start();
      return await start(c, app, request, source, access);
    } catch (error) {
      return respondToError(error, c, problemOfHandling(error), options);
    }
  };
}

async function start<M extends AnyStreamRequest, E extends Env>(
  c: Context<E>,
  app: App<M>,
  request: M,
  { definition: { type, answerSchema }, options }: StreamSource<M, E>,
  access: RunAccess | undefined,
): Promise<Response> {
  const id = crypto.randomUUID();
  const url = access && urlOfRun(id);
  const open = () =>
    new RunEvents({ id, url }, app.stream(request), {
      check: answerSchema && ((item) => validate(type, answerSchema, item)),
      describe: (error) => describeError(error, c, problemOfHandling(error), options),
      report: (error) => reportError(error, c, options),
    });
  if (access === undefined) return respond(c, open(), options);
  const owner = await access.ownerOf(c);
  const writer = await access.log.create(id, owner);
  const reader = await access.log.open(id, owner, 0);
  if (reader === undefined) throw writer.signal.reason;
  const end = idOfEnd(id);
  const recorded = record(open(), writer, (event) => event.id === end).catch(async (error) => {
    reportError(error, c, options);
    await access.log.delete(id, owner);
  });
  keepAlive(c, recorded.catch((error) => reportError(error, c, options)));
  return respond(c, new ReplayedEvents(id, reader, 0, goneEvent()), options, id);
}

/** Answers a client that comes back to a run, which is not started anew in any case. */
async function resume(
  c: Context,
  back: Return,
  options: SseRouteOptions,
  access: RunAccess | undefined,
): Promise<Response> {
  if (back.kind === "ended") return c.body(null, 204);
  if (back.kind === "resume" && access !== undefined) {
    const { run, position } = back;
    const reader = await access.log.open(run, await access.ownerOf(c), position);
    if (reader !== undefined) {
      return respond(c, new ReplayedEvents(run, reader, position, goneEvent()), options, run);
    }
  }
  return respond(c, only(goneEvent()), options);
}

/** Cancels a run because its client asks for it. */
async function cancel<M extends AnyMessage, E extends Env>(
  c: Context<E>,
  { definition, options }: StreamSource<M, E>,
  access: RunAccess | undefined,
): Promise<Response> {
  const run = runOfUrl(c);
  if (run === undefined || access === undefined) {
    throw methodNotAllowed(c.req.method, isSafe(definition, options));
  }
  if (await access.log.delete(run, await access.ownerOf(c))) return c.body(null, 204);
  const problem = { status: 404, detail: "There is no such run", code: "stream_gone" };
  return respondToError(new Error(problem.detail), c, problem, options);
}

function respond(
  c: Context,
  events: AsyncIterable<SseEvent>,
  options: SseRouteOptions,
  run?: string,
): Response {
  const location = run === undefined ? {} : { location: urlOfRun(run) };
  const body = sseStream(events, { retryMs: DEFAULT_RETRY_MS, ...options });
  return c.body(body, 200, { ...HEADERS, ...location });
}

/** Says that a run, or the client's place in it, is gone. */
function goneEvent(): SseEvent {
  const data = encodeProblem({
    status: 410,
    detail: "The stream cannot be resumed",
    code: "stream_gone",
  });
  return { event: "stream_gone", id: GONE_ID, data };
}

async function* only(event: SseEvent): AsyncGenerator<SseEvent, undefined> {
  yield event;
}

/** Has a runtime that ends with its responses wait for the work. */
function keepAlive(c: Context, work: Promise<void>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // Elsewhere there is no such context, and the process goes on.
  }
}
