import type { AnyStreamRequest, ItemOf, JsonOf } from "../message/mod.ts";
import { contentOf } from "./message_body.ts";
import { type RemoteItemStream, remoteItemStream } from "./remote_item_stream.ts";
import { RemoteRun } from "./remote_run.ts";
import { RequestSender } from "./request_sender.ts";
import { type StreamItemsOptions, streamSettings } from "./stream_options.ts";

/**
 * Asks a route of `http.sse` for the items of a streaming request, or for the progress of a saga.
 *
 * The run is started once, with the first `next()`. When its connection breaks off, or nothing comes
 * for `silenceMs`, it is resumed after the last event that came as a whole, if its route has a replay
 * log. Items come in order, none is missing and none comes twice: a connection may begin with events
 * that are known already, which are skipped; a gap, or a number that comes again later, ends the
 * stream with an `UnexpectedResponseError`.
 *
 * A start is not repeated, because it may have been handled, unless its method is `GET`. Resumes are
 * repeated after network errors and the statuses 408, 429, 502, 503 and 504, up to `maxAttempts`
 * times without progress, unless the server asks to wait for more than 5 minutes (`Retry-After`). The
 * URL of the run must be on the origin that answered; the parameters that the answer's URL has and it
 * has not are added to it.
 *
 * A saga goes on without its readers, also after its server has died: its progress is resumed on any server,
 * and leaving it cancels nothing.
 *
 * Leaving the stream of anything else (`break`, `return()`, disposing), aborting `signal`, and errors on this side all
 * cancel the response at once, and the run by `DELETE` of its URL, so that its handler stops without
 * the grace period of the replay log. A start that has not been answered has no URL yet: it is up to
 * the server to notice that its client has left.
 *
 * For pages of other origins (CORS) the server must allow the method `DELETE` and the headers
 * `content-type` and `last-event-id`. It should expose `location`, without which a run cannot be
 * resumed before its first event has come, and `retry-after`.
 *
 * @typeParam M The request.
 * @typeParam I The items: as JSON leaves them, a date as a text, unless `deserialize` makes others.
 * @param url The address of the route; a relative one refers to the page.
 * @param request The request; its data must have a form in JSON.
 * @returns The items, for one reader.
 * @throws {TypeError} If the data has no form in JSON; if the URL or a header is not valid.
 * @throws {RangeError} If an option is out of its range; from `next()`, if what `backoff` gives is.
 * @throws {ConnectionLostError} From `next()`, if the connection is lost and cannot be resumed, or
 * `headers` takes longer than `silenceMs` before the start.
 * @throws {HttpProblemError} From `next()`, if the server answers with another error.
 * @throws {StreamFailureError} From `next()`, after the items before it, if the run fails.
 * @throws {StreamGoneError} From `next()`, if the run was cancelled or forgotten, or is read elsewhere.
 * @throws {UnexpectedResponseError} From `next()`, if the answer is not what such a route sends, is a
 * redirect and `headers` are given, or names a run on another origin; or if `deserialize` throws.
 * @throws {SseParseError} From `next()`, if an event is larger than `maxEventBytes`.
 * @throws The reason of `signal`, from `next()`, as soon as it aborts; and what `onStateChange`, or
 * `headers` before the start, throws.
 *
 * @example Reading until the sum is large enough
 * ```ts
 * import { bootstrap, handlers, streamRequest } from "@sluice/cqrs";
 * import { streamItems } from "@sluice/cqrs/client";
 * import { routes } from "@sluice/cqrs/hono";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 *
 * const Numbers = streamRequest("numbers").yields<number>();
 * const app = bootstrap(
 *   handlers().on(Numbers, async function* () {
 *     for (let i = 1;; i++) yield i;
 *   }),
 * );
 * const api = new Hono().all("/numbers", routes(app).sse(Numbers));
 *
 * let sum = 0;
 * for await (const number of streamItems("/numbers", Numbers(), { fetch: api.request })) {
 *   sum += number;
 *   if (sum > 10) break;
 * }
 * assert.equal(sum, 15);
 * ```
 */
export function streamItems<
  M extends AnyStreamRequest,
  I extends ItemOf<M> | JsonOf<ItemOf<M>> = JsonOf<ItemOf<M>>,
>(
  url: string | URL,
  request: M,
  options: StreamItemsOptions<I> = {},
): RemoteItemStream<I> {
  const { method = "POST", deserialize = JSON.parse, signal } = options;
  const settings = streamSettings(options);
  const content = contentOf(request, String(url), method);
  const run = new RemoteRun(content, new RequestSender(content.url, request, options), settings);
  return remoteItemStream(run, deserialize, signal);
}
