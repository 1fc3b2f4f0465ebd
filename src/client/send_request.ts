import { systemClock } from "../clock.ts";
import type { AnyRequest, JsonOf, ResultOf } from "../message/mod.ts";
import { Exchange, readAs } from "./exchange.ts";
import { expectType, readHttpProblem } from "./http_answer.ts";
import { contentOf } from "./message_body.ts";
import { checkCount, type RequestOptions } from "./request_options.ts";
import { RequestSender } from "./request_sender.ts";

/**
 * How a command or query is sent.
 *
 * @typeParam R The type of the result.
 */
export interface SendRequestOptions<R> extends RequestOptions {
  /**
   * The method. `GET` and `DELETE` put the data into the query: strings, and lists of two or more of
   * them, as parameters; any other data as JSON in the parameter `sluice_data`, so that it arrives as
   * it was sent. The others send it as JSON in the body.
   *
   * @default {"GET"} for queries, `"POST"` for commands
   */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  /** Makes the result of its text. @default {JSON.parse} */
  readonly deserialize?: ((text: string) => R) | undefined;
  /**
   * The most bytes that the result may have; `Infinity` sets no bound.
   *
   * @default {16_777_216}
   */
  readonly maxResponseBytes?: number | undefined;
}

const JSON_TYPE = "application/json";

/**
 * Sends a command or query to a route of `http.send` and gives its result.
 *
 * It is sent once. A query may be sent again by whoever wants that; a command whose answer was lost
 * may have been handled. There is no time limit but that of `signal`: `AbortSignal.timeout(5_000)`.
 *
 * @typeParam M The command or query.
 * @typeParam R The result: as JSON leaves it, a date as a text, unless `deserialize` makes another.
 * @param url The address of the route; a relative one refers to the page.
 * @param request The command or query; its data must have a form in JSON.
 * @returns The result; `undefined` when the server answers 204.
 * @throws {TypeError} If the data has no form in JSON; if the URL or a header is not valid.
 * @throws {RangeError} If an option is out of its range.
 * @throws {ConnectionLostError} If no answer comes, or not all of it.
 * @throws {HttpProblemError} If the server answers with an error.
 * @throws {UnexpectedResponseError} If the answer is not what such a route sends, is larger than
 * `maxResponseBytes`, or is a redirect and `headers` are given; or if `deserialize` throws.
 * @throws The reason of `signal`, as soon as it aborts; and what `headers` throws.
 *
 * @example A query whose result has a date
 * ```ts
 * import { bootstrap, handlers, query, type } from "@sluice/cqrs";
 * import { HttpProblemError, sendRequest } from "@sluice/cqrs/client";
 * import { routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 *
 * const ReadStart = query("meeting.start", type<{ id: string }>()).returns<Date>();
 * const app = bootstrap(handlers().on(ReadStart, () => new Date(0)));
 * const api = new Hono().get("/meetings/:id/start", routes(app).send(ReadStart));
 *
 * const options = { fetch: api.request, deserialize: (text: string) => new Date(JSON.parse(text)) };
 * const start = await sendRequest("/meetings/m1/start", ReadStart({ id: "m1" }), options);
 * assert.equal(start.getTime(), 0);
 *
 * const error = await sendRequest("/nowhere", ReadStart({ id: "m1" }), options).catch((e) => e);
 * assert.ok(error instanceof HttpProblemError);
 * assert.equal(error.status, 404);
 * ```
 */
export async function sendRequest<
  M extends AnyRequest,
  R extends ResultOf<M> | JsonOf<ResultOf<M>> = JsonOf<ResultOf<M>>,
>(
  url: string | URL,
  request: M,
  options: SendRequestOptions<R> = {},
): Promise<R> {
  const { method = request.kind === "query" ? "GET" : "POST", signal } = options;
  const { deserialize = JSON.parse, maxResponseBytes = 16_777_216 } = options;
  checkCount("maxResponseBytes", maxResponseBytes, 1);
  const content = contentOf(request, String(url), method);
  const sender = new RequestSender(content.url, request, options);
  const exchange = new Exchange({ signal, silenceMs: Infinity, clock: systemClock });
  try {
    const headers = await exchange.wait(() => sender.headers(content, JSON_TYPE));
    const response = await exchange.send((signal) => sender.fetch(content, { headers, signal }));
    if (response.status >= 400) throw await readHttpProblem(response, exchange);
    if (response.status === 204) return undefined as R;
    expectType(response, JSON_TYPE);
    const text = await exchange.text(maxResponseBytes);
    return readAs("result", () => deserialize(text));
  } finally {
    exchange.close();
  }
}
