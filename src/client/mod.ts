/**
 * The client of the routes that `@sluice/cqrs/hono` makes: it sends commands and queries, and reads
 * streams that survive a connection which breaks off. It runs in browsers and wherever there is a
 * `fetch`.
 *
 * A message is sent once. What comes after that can be repeated: a run that has a URL, because its
 * route has a replay log, is resumed where it broke off, so that its items come in order, none is
 * missing and none comes twice. What the types say of results and items holds for what JSON keeps of
 * them; `deserialize` makes anything else of the text, a `Date` or a validated value.
 *
 * Everything that goes wrong is a `SluiceError`, told apart by its class or `code`, or the reason of
 * the signal that was passed in.
 *
 * @example A query, and a stream whose connection breaks off
 * ```ts
 * import { bootstrap, handlers, query, streamRequest } from "@sluice/cqrs";
 * import { sendRequest, streamItems } from "@sluice/cqrs/client";
 * import { routes } from "@sluice/cqrs/hono";
 * import { memoryReplayLog } from "@sluice/cqrs/stream";
 * import { Hono } from "hono";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const Greet = query("greet", z.object({ name: z.string() })).returns<string>();
 * const Count = streamRequest("count", z.object({ to: z.number() })).yields<number>();
 * const app = bootstrap(
 *   handlers()
 *     .on(Greet, ({ name }) => `Hello ${name}`)
 *     .on(Count, async function* ({ to }) {
 *       for (let i = 1; i <= to; i++) yield i;
 *     }),
 * );
 * const http = routes(app, { replay: memoryReplayLog() });
 * const api = new Hono().get("/greeting", http.send(Greet)).all("/numbers", http.sse(Count));
 *
 * // A network that loses everything after the first 400 bytes of the first answer.
 * let isFirst = true;
 * async function fetch(url: string, init: RequestInit): Promise<Response> {
 *   const response = await api.request(url, init);
 *   if (!isFirst) return response;
 *   isFirst = false;
 *   return new Response((await response.text()).slice(0, 400), response);
 * }
 *
 * const numbers: number[] = [];
 * for await (const number of streamItems("/numbers", Count({ to: 20 }), { fetch })) {
 *   numbers.push(number);
 * }
 * assert.deepEqual(numbers, Array.from({ length: 20 }, (_, index) => index + 1));
 * assert.equal(await sendRequest("/greeting", Greet({ name: "Ada" }), { fetch }), "Hello Ada");
 * ```
 *
 * @module
 */

export {
  ConnectionLostError,
  HttpProblemError,
  type HttpProblemErrorOptions,
  StreamFailureError,
  StreamGoneError,
  UnexpectedResponseError,
} from "./client_errors.ts";
export type { ProblemDetails } from "./problem_details.ts";
export type { RemoteItemStream } from "./remote_item_stream.ts";
export type { Fetch, RequestOptions } from "./request_options.ts";
export type { ClientEventNames } from "./run_cursor.ts";
export { sendRequest, type SendRequestOptions } from "./send_request.ts";
export { streamItems } from "./stream_items.ts";
export type { ConnectionState, StreamItemsOptions } from "./stream_options.ts";
