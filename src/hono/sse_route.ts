import type { Context } from "hono";
import type { App } from "../mediator/mod.ts";
import { type AnyMessage, type AnyStreamRequest, type ItemOf, validate } from "../message/mod.ts";
import { describeError, reportError, respondToError } from "./error_answer.ts";
import { type NamesInUse, namesInUse } from "./event_names.ts";
import { problemOfHandling, RefusedRequestError } from "./problem.ts";
import { record } from "./recording.ts";
import { ReplayedEvents } from "./replayed_events.ts";
import { type AnyRouteHandler, guarded } from "./route_guard.ts";
import { type MessageSource, readMessage } from "./route_message.ts";
import { isKnown, methodNotAllowed, methodsOf } from "./route_method.ts";
import { isSafe, type SseRouteOptions } from "./route_options.ts";
import { type RunAccess, runAccess } from "./run_access.ts";
import { RunEvents } from "./run_events.ts";
import { idOfEnd, isRun, readReturn, type Return, runOfUrl, urlOfRun } from "./run_id.ts";
import {
  goneEvent,
  keepAlive,
  only,
  respondWithEnd,
  respondWithEvents,
  SSE_HEADERS,
} from "./sse_response.ts";

/** Where the message of a streaming route comes from. */
export interface StreamSource<M extends AnyMessage> extends MessageSource<M> {
  readonly options: SseRouteOptions<ItemOf<M>>;
}

/** What is decided once for a streaming route. */
interface StreamRoute<M extends AnyMessage> extends StreamSource<M> {
  readonly app: App<M>;
  readonly access: RunAccess | undefined;
  readonly names: NamesInUse<ItemOf<M>>;
}

/** Makes a route that answers with the items of a streaming request as Server-Sent Events. */
export function sseRoute<M extends AnyStreamRequest>(
  app: App<M>,
  source: StreamSource<M>,
): AnyRouteHandler {
  const { definition, options } = source;
  const access = runAccess(definition.type, options);
  const route = { ...source, app, access, names: namesInUse(options.eventNames) };
  return guarded(options, async (c) => {
    const { method } = c.req;
    // Hono runs the handler of GET for HEAD, and drops the body without cancelling it.
    if (method === "HEAD") return c.body(null, 200, SSE_HEADERS);
    if (!isKnown(method)) {
      throw methodNotAllowed(method, methodsOf(isSafe(definition, options)));
    }
    if (method === "DELETE") return await cancel(c, route);
    const back = readReturn(c);
    if (back !== undefined) return await resume(c, back, route);
    const request = await readMessage(c, source);
    try {
      await app.start();
      return await start(c, request, route);
    } catch (error) {
      return respondToError(error, c, problemOfHandling(error), options);
    }
  });
}

async function start<M extends AnyStreamRequest>(
  c: Context,
  request: M,
  route: StreamRoute<M>,
): Promise<Response> {
  const { access, options } = route;
  const id = crypto.randomUUID();
  if (access === undefined) return respondWithEvents(c, open(c, id, request, route), options);
  const owner = await access.ownerOf(c);
  const name = access.nameOf(c, id);
  const writer = await access.log.create(name, owner);
  const report = (error: unknown) => reportError(error, c, options);
  const reader = await access.log.open(name, owner, 0).catch(async (error) => {
    await access.log.delete(name, owner).catch(report);
    throw error;
  });
  if (reader === undefined) {
    throw writer.signal.reason ?? new Error("Cannot stream as the run was gone at once");
  }
  const end = idOfEnd(id);
  const events = open(c, id, request, route);
  const recorded = record(events, writer, (event) => event.id === end, async (error) => {
    report(error);
    await Promise.all([reader.close().catch(report), access.log.delete(name, owner).catch(report)]);
  });
  keepAlive(c, recorded.catch(report));
  const { clock } = options;
  const replayed = new ReplayedEvents(id, reader, 0, goneEvent(route.names), { report, clock });
  return respondWithEvents(c, replayed, options, id);
}

/** The events of a new run. */
function open<M extends AnyStreamRequest>(
  c: Context,
  id: string,
  request: M,
  { app, definition, options, access, names }: StreamRoute<M>,
): RunEvents<ItemOf<M>> {
  const { type, answerSchema } = definition;
  return new RunEvents({ id, url: access && urlOfRun(id) }, app.stream(request), {
    check: answerSchema && (async (item) => await validate(type, answerSchema, item) as ItemOf<M>),
    serialize: options.serialize ?? JSON.stringify,
    names,
    describe: (error) => describeError(error, c, problemOfHandling(error), options),
    report: (error) => reportError(error, c, options),
  });
}

/** Answers a client that comes back to a run, which is not started anew in any case. */
async function resume<M extends AnyMessage>(
  c: Context,
  back: Return,
  route: StreamRoute<M>,
): Promise<Response> {
  if (back.kind === "ended") return respondWithEnd(c);
  const { access } = route;
  if (back.kind === "resume" && access !== undefined) {
    const { run, position } = back;
    const owner = await access.ownerOf(c);
    const reader = await access.log.open(access.nameOf(c, run), owner, position).catch(refuse);
    if (reader !== undefined) {
      const events = new ReplayedEvents(run, reader, position, goneEvent(route.names), {
        report: (error) => reportError(error, c, route.options),
        clock: route.options.clock,
      });
      return respondWithEvents(c, events, route.options, run);
    }
  }
  return respondWithEvents(c, only(goneEvent(route.names)), route.options);
}

/** Asks a client to come again, as the log fails. */
function refuse(cause: unknown): never {
  throw new RefusedRequestError({
    status: 503,
    detail: "The stream cannot be reached at the moment",
    code: "replay_log_unavailable",
  }, { cause, headers: { "retry-after": "5" } });
}

/** Cancels a run because its client asks for it. */
async function cancel<M extends AnyMessage>(
  c: Context,
  { access, definition, options }: StreamRoute<M>,
): Promise<Response> {
  const run = runOfUrl(c);
  if (run === undefined || access === undefined) {
    throw methodNotAllowed(c.req.method, methodsOf(isSafe(definition, options)));
  }
  const owner = await access.ownerOf(c);
  const name = access.nameOf(c, run);
  if (isRun(run) && await access.log.delete(name, owner).catch(refuse)) return c.body(null, 204);
  const problem = { status: 404, detail: "There is no such run", code: "stream_gone" };
  return respondToError(new Error(problem.detail), c, problem, options);
}
