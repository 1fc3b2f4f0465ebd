import type { Env, Input } from "hono";
import type { App } from "../mediator/mod.ts";
import type {
  AnyEvent,
  AnyMessage,
  AnyRequest,
  AnyStreamRequest,
  DataOf,
  Definition,
  ItemOf,
} from "../message/mod.ts";
import type { ClientInput, DispatchResponse, SendResponse, SseResponse } from "./client_types.ts";
import { dispatchRoute } from "./dispatch_route.ts";
import type { RouteData, RouteHandler, ValidatedInput } from "./route_message.ts";
import { checkRouteOptions, type RouteOptions, type SseRouteOptions } from "./route_options.ts";
import type { SagaRouteOptions } from "./saga_options.ts";
import { sagaSendRoute } from "./saga_send_route.ts";
import { sagaSseRoute } from "./saga_sse_route.ts";
import type { SagaSource } from "./saga_start.ts";
import { sendRoute } from "./send_route.ts";
import { sseRoute } from "./sse_route.ts";

/**
 * Makes handlers of Hono out of message definitions.
 *
 * The data of a message is, where no function gives it, made of the path's parameters and, for
 * `GET`, `HEAD` and `DELETE`, the query, for other methods the body. The path wins over both: the URL
 * decides what is acted upon, and a body that is no object is refused where the path has parameters.
 * The definition validates the data. A query parameter that is given once is a string, one that is
 * given several times an array: a schema for a list has to take both. Data that is more than strings
 * comes as one parameter `sluice_data`, an object as JSON, which takes the place of all others: the
 * client of this library sends it so.
 *
 * A request by `POST`, `PUT`, `PATCH` or `DELETE` that comes from a page of another origin, as its
 * browser says by `Sec-Fetch-Site`, is answered with 403 (`cross_site`) unless its type is JSON, for
 * which the browser asks the server first (CORS): so forms and `no-cors` requests of other pages run
 * nothing, with or without data. Old browsers do not say it, nor does any over plain HTTP to another
 * host than its own: there Hono's middleware `hono/csrf` refuses forms.
 *
 * `traceparent` and `x-correlation-id` become metadata of the message when they are well-formed, and
 * `idempotency-key` becomes its header of that name: with `idempotent` of `@sluice/cqrs/consumer` around the
 * handler a command is run once for each key, and who asks meanwhile gets 409 with `Retry-After`, who asks
 * for something else under the same key 422, and who asks again the answer that was stored.
 *
 * No error leaves these handlers. They answer with problem details (RFC 9457): 400 for data that
 * cannot be read or is not valid, 403 for requests of other origins, 405 for methods that may not run
 * the message, 413 and 415 for bodies that are too large or no JSON, 431 for headers that are too
 * large, 503 when too many streams are open, 500 for everything else, with a text that tells nothing
 * of the server. `mapError` decides otherwise.
 *
 * Hono's client learns from the handlers what to give and what it gets: the data of the message, as
 * JSON or in the query, its result or a problem ({@linkcode ClientInput}, {@linkcode SendResponse}).
 *
 * @typeParam M The messages that the application handles.
 */
export interface Routes<in M extends AnyMessage> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /**
   * Answers with the result of a command, query or saga as JSON and the status 200, or that of
   * `c.status()`; and with 204 when the result is `undefined`. A result that its definition
   * describes with a schema is validated, so that what the schema does not know is not sent. A result
   * that its schema refuses, or JSON cannot carry, is answered with 500 (`result_invalid`): the
   * request was handled all the same.
   *
   * `POST`, `PUT`, `PATCH` and `DELETE` run every message, `GET`, `HEAD` and `QUERY` what is safe alone,
   * which queries are: see {@linkcode RouteOptions.safe}. Other methods run nothing.
   *
   * A saga is run to its end, and its answer is its outcome, with 202 where it waits for a signal and without
   * what steps have failed with. One that is undone is answered with 409 (`saga_failed`), one that could not be
   * undone or is parked with 500; the member `saga` of the problem has its `id` and its `status`:
   * `compensated`, `failed` or `parked`. See {@linkcode SagaRouteOptions} for its id.
   *
   * A client that leaves does not cancel it.
   *
   * @throws {RangeError} If an option is out of its range.
   */
  send<T extends M & AnyRequest, K extends string = string, S extends boolean = boolean>(
    definition: Definition<T>,
    options?: RouteOptions<K, S> & SagaRouteOptions<DataOf<T>>,
  ): RouteHandler<Env, ClientInput<T, K, S>, SendResponse<T>>;
  /**
   * Answers with the result of a command or query, as above.
   *
   * @param from Gives the data of the message.
   * @throws {RangeError} If an option is out of its range.
   */
  send<T extends M & AnyRequest, E extends Env = Env, I extends Input = ValidatedInput>(
    definition: Definition<T>,
    from?: RouteData<E, I>,
    options?: RouteOptions & SagaRouteOptions<DataOf<T>>,
  ): RouteHandler<E, I, SendResponse<T>>;
  /**
   * Answers with the items of a streaming request or a saga as Server-Sent Events: `start`, one `item` for
   * each item, then `done`, or `failure` with a problem. Their data is JSON, and their ids are those
   * of the run and a number.
   *
   * Items are asked for as the client reads, so that a client which stops reading stops the handler,
   * and one that leaves aborts its signal and runs its `finally`. What fails before the first event
   * is answered as `send` does. A client that comes back with `Last-Event-ID` gets 204 if the run
   * had ended, so that an `EventSource` stops; otherwise one `stream_gone`, and 204 when it comes
   * again: nothing runs twice.
   *
   * With a replay log ({@linkcode SseRouteOptions.replay}) a client that comes back goes on where it
   * was, and leaving does not cancel the run at once: `DELETE` of the run's URL does.
   *
   * It looks at the method itself, so that one handler serves a path as `api.all(path, …)`. `POST`,
   * `PUT` and `PATCH` start a run, `GET` only if the request is declared safe (see
   * {@linkcode RouteOptions.safe}); an `EventSource` that starts it needs that. `HEAD` answers with the
   * headers and starts nothing. `DELETE` starts nothing either, and is answered with 405 where it has
   * nothing to cancel.
   *
   * A saga goes on whether its client reads or not, and needs no replay log: the client may come back as long as
   * the saga is stored, to any server on the same storage, also when the one that started it has died; somebody
   * there has to recover it (`sagaRecovery`). The ids of its events are the id of the saga and places in its log,
   * so that their numbers rise with gaps. The stream stays open while the saga waits for a signal, and ends
   * with `failure` and the problem that `send` answers with if it is not completed or is parked. Items come
   * without the texts of errors, unless `serialize` says otherwise. `DELETE` is answered with 405: to undo a
   * saga is a decision (`app.sagas.compensate`). See {@linkcode SagaRouteOptions} for its id: a request that
   * comes again with its `Idempotency-Key` follows the saga that the first one started.
   *
   * @throws {RangeError} If an option is out of its range.
   */
  sse<T extends M & AnyStreamRequest, K extends string = string, S extends boolean = boolean>(
    definition: Definition<T>,
    options?: SseRouteOptions<ItemOf<T>, K, S> & SagaRouteOptions<DataOf<T>>,
  ): RouteHandler<Env, ClientInput<T, K, S>, SseResponse>;
  /**
   * Answers with the items of a streaming request, as above.
   *
   * @param from Gives the data of the message.
   * @throws {RangeError} If an option is out of its range.
   */
  sse<T extends M & AnyStreamRequest, E extends Env = Env, I extends Input = ValidatedInput>(
    definition: Definition<T>,
    from?: RouteData<E, I>,
    options?: SseRouteOptions<ItemOf<T>> & SagaRouteOptions<DataOf<T>>,
  ): RouteHandler<E, I, SseResponse>;
  /**
   * Runs the handlers of an event that comes from outside, a webhook say, and answers with 204 when all
   * have succeeded; otherwise with 500, so that whoever sent it sends it again. Handlers see it as
   * often as it is sent: recognise it by its data.
   *
   * @throws {RangeError} If an option is out of its range.
   */
  dispatch<T extends M & AnyEvent, K extends string = string>(
    definition: Definition<T>,
    options?: RouteOptions<K>,
  ): RouteHandler<Env, ClientInput<T, K, false>, DispatchResponse>;
  /**
   * Runs the handlers of an event that comes from outside, as above.
   *
   * @param from Gives the data of the event.
   * @throws {RangeError} If an option is out of its range.
   */
  dispatch<T extends M & AnyEvent, E extends Env = Env, I extends Input = ValidatedInput>(
    definition: Definition<T>,
    from?: RouteData<E, I>,
    options?: RouteOptions,
  ): RouteHandler<E, I, DispatchResponse>;
}

/**
 * Makes routes to what an application handles. Definitions that it does not handle do not compile.
 *
 * @param options What holds for all routes that say nothing else.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example A command and a stream
 * ```ts
 * import { bootstrap, command, handlers, streamRequest } from "@sluice/cqrs";
 * import { routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const Rename = command("user.rename", z.object({ id: z.string(), name: z.string() }))
 *   .returns<{ greeting: string }>();
 * const Count = streamRequest("count", z.object({ to: z.coerce.number() })).yields<number>();
 * const app = bootstrap(
 *   handlers()
 *     .on(Rename, ({ id, name }) => ({ greeting: `${id} is ${name}` }))
 *     .on(Count, async function* ({ to }) {
 *       for (let i = 1; i <= to; i++) yield i;
 *     }),
 * );
 *
 * const http = routes(app, {
 *   mapError: (error) => error instanceof RangeError ? { status: 422 } : undefined,
 *   onError: (error) => console.error(error),
 * });
 * const api = new Hono()
 *   .put("/users/:id", http.send(Rename))
 *   .all("/count/:to", http.sse(Count, { safe: true }));
 *
 * const renamed = await api.request("/users/u1", {
 *   method: "PUT",
 *   headers: { "content-type": "application/json" },
 *   body: JSON.stringify({ name: "Ada" }),
 * });
 * assert.deepEqual(await renamed.json(), { greeting: "u1 is Ada" });
 *
 * const counted = await (await api.request("/count/2")).text();
 * assert.match(counted, /event: item\nid: [\w-]+:1\ndata: 1\n\nevent: item\nid: [\w-]+:2\ndata: 2\n\n/);
 * ```
 *
 * @example The same command, with Hono's client
 * ```ts
 * import { bootstrap, command, handlers } from "@sluice/cqrs";
 * import { routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import { hc } from "hono/client";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const Rename = command("user.rename", z.object({ id: z.string(), name: z.string() }))
 *   .returns<{ greeting: string }>();
 * const app = bootstrap(
 *   handlers().on(Rename, ({ id, name }) => ({ greeting: `${id} is ${name}` })),
 * );
 *
 * const api = new Hono().put("/users/:id", routes(app).send(Rename, { params: ["id"] }));
 * const client = hc<typeof api>("http://localhost", { fetch: api.request });
 *
 * const response = await client.users[":id"].$put({ param: { id: "u1" }, json: { name: "Ada" } });
 * assert.ok(response.ok);
 * const { greeting } = await response.json();
 * assert.equal(greeting, "u1 is Ada");
 * ```
 */
export function routes<M extends AnyMessage>(
  app: App<M>,
  options: SseRouteOptions & SagaRouteOptions = {},
): Routes<M> {
  checkRouteOptions(options);
  return {
    send: <T extends M & AnyRequest>(
      definition: Definition<T>,
      first?: First<T>,
      second?: RouteOptions & SagaRouteOptions<DataOf<T>>,
    ) => {
      const source = sourceOf(definition, options, first, second);
      return definition.kind === "saga" ? sagaSendRoute(app, source) : sendRoute(app, source);
    },
    sse: <T extends M & AnyStreamRequest>(
      definition: Definition<T>,
      first?: First<T>,
      second?: Options<T>,
    ) => {
      const source = sourceOf(definition, options, first, second);
      return definition.kind === "saga" ? sagaSseRoute(app, source) : sseRoute(app, source);
    },
    dispatch: <T extends M & AnyEvent>(
      definition: Definition<T>,
      first?: First<T>,
      second?: RouteOptions,
    ) => dispatchRoute(app, sourceOf(definition, options, first, second)),
  };
}

/** What a route for a message may be told. */
type Options<T extends AnyMessage> = SseRouteOptions<ItemOf<T>> & SagaRouteOptions<DataOf<T>>;

/** What may follow the definition of a route. */
type First<T extends AnyMessage> = RouteData<Env> | Options<T> | undefined;

function sourceOf<T extends AnyMessage>(
  definition: Definition<T>,
  shared: SseRouteOptions & SagaRouteOptions,
  first: First<T>,
  second: Options<T> | undefined,
): SagaSource<T> {
  const [from, own] = typeof first === "object" ? [undefined, first] : [first, second];
  const eventNames = { ...shared.eventNames, ...own?.eventNames };
  const options = { ...shared, ...own, eventNames };
  checkRouteOptions(options);
  return { definition, from, options };
}
