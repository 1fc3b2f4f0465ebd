import type { Context } from "hono";
import type { App } from "../mediator/mod.ts";
import type { AnyMessage, ItemOf, SagaRequest } from "../message/mod.ts";
import { describeError, reportError, respondToError } from "./error_answer.ts";
import { type NamesInUse, namesInUse } from "./event_names.ts";
import { codeOf, problemOfHandling, RefusedRequestError } from "./problem.ts";
import { type AnyRouteHandler, guarded } from "./route_guard.ts";
import { isKnown, methodNotAllowed, methodsOf } from "./route_method.ts";
import { isSafe } from "./route_options.ts";
import type { Return } from "./run_id.ts";
import { SagaEvents } from "./saga_events.ts";
import { readSagaReturn, runOfSaga } from "./saga_id.ts";
import { serializeItem } from "./saga_item.ts";
import { checkSaga, isSagaOf, ownerOf, readSaga, type SagaSource } from "./saga_start.ts";
import {
  goneEvent,
  keepAlive,
  only,
  respondWithEnd,
  respondWithEvents,
  SSE_HEADERS,
} from "./sse_response.ts";

/** What is decided once for a route of a saga. */
interface SagaRoute<M extends AnyMessage> extends SagaSource<M> {
  readonly app: App<M>;
  readonly names: NamesInUse<ItemOf<M>>;
}

/** Makes a route that starts sagas, which nobody cancels by leaving, and answers with their progress. */
export function sagaSseRoute<M extends AnyMessage>(
  app: App<M>,
  source: SagaSource<M>,
): AnyRouteHandler {
  const { definition, options } = source;
  const route = { ...source, app, names: namesInUse(options.eventNames) };
  return guarded(options, async (c) => {
    const { method } = c.req;
    if (method === "HEAD") return c.body(null, 200, SSE_HEADERS);
    // To undo what a saga has done is a decision, and no matter of who reads it.
    if (method === "DELETE" || !isKnown(method)) {
      throw methodNotAllowed(method, methodsOf(isSafe(definition, options)));
    }
    const back = readSagaReturn(c);
    if (back !== undefined) return await resume(c, back, route);
    const { request } = await readSaga(c, source);
    try {
      return await start(c, request, route);
    } catch (error) {
      if (error instanceof RefusedRequestError) throw error;
      return respondToError(error, c, problemOfHandling(error), options);
    }
  });
}

async function start<M extends AnyMessage>(
  c: Context,
  request: SagaRequest,
  route: SagaRoute<M>,
): Promise<Response> {
  const { app } = route;
  await app.start();
  const { id, isNew, settled } = await app.sagas.start(request);
  if (isNew) keepAlive(c, settled);
  else await checkSaga(app, request);
  return respond(c, id, -1, route);
}

/** Answers a client that comes back to a saga, wherever that is gone on with. */
async function resume<M extends AnyMessage>(
  c: Context,
  back: Return,
  route: SagaRoute<M>,
): Promise<Response> {
  if (back.kind === "ended") return respondWithEnd(c);
  const { app, names, options } = route;
  if (back.kind === "resume") {
    const owner = await ownerOf(c, route);
    const { run: id, position } = back;
    if (await isSagaOf(app, id, owner).catch(refuse)) {
      return respond(c, id, position, route);
    }
  }
  return respondWithEvents(c, only(goneEvent(names)), options);
}

/** Asks a client to come again, as the storage fails. */
function refuse(cause: unknown): never {
  throw new RefusedRequestError({
    status: 503,
    detail: "The saga cannot be reached at the moment",
    code: "saga_unavailable",
  }, { cause, headers: { "retry-after": "5" } });
}

/** Answers with what comes behind a place in the log of a saga. */
function respond<M extends AnyMessage>(
  c: Context,
  id: string,
  position: number,
  { app, definition, names, options }: SagaRoute<M>,
): Response {
  const follow = (after: number, signal: AbortSignal) =>
    app.sagas.follow(definition as never, id, { after, signal, untilEnd: true }) as AsyncGenerator<
      ItemOf<M>,
      undefined,
      void
    >;
  const events = new SagaEvents<ItemOf<M>>(id, position, follow, {
    names,
    serialize: options.serialize ?? serializeItem,
    describe: (error) => describeError(error, c, problemOfHandling(error), options),
    report: (error) => reportError(error, c, options),
    isEnd: (error) => codeOf(error) === "saga_failed",
    gone: (error) => codeOf(error) === "saga_not_found" ? goneEvent(names) : undefined,
  });
  return respondWithEvents(c, events, options, runOfSaga(id));
}
