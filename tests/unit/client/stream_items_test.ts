import { Hono } from "hono";
import assert from "node:assert/strict";
import { streamRequest } from "../../../mod.ts";
import { type Fetch, streamItems, UnexpectedResponseError } from "../../../src/client/mod.ts";
import { RawServer, soon } from "./raw_server.ts";
import {
  END_OF_HEAD,
  eventsOf,
  itemEvent,
  lastEvent,
  recordingFetch,
  RESUMABLE_HEAD,
  RUN,
  RUN_URL,
  startEvent,
  STREAM_HEAD,
  Watch,
  withDelete,
} from "./support.ts";

/** A server of which every start is answered with a run of two items. */
function twoItems(): RawServer {
  return new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + eventsOf(["one", "two"]).join(""))
  );
}

/** Answers with a whole run in one response. */
const answerAtOnce: Fetch = () =>
  new Response(eventsOf(["one"]).join(""), { headers: { "content-type": "text/event-stream" } });

Deno.test("streamItems() gives the items in their order and then ends", async () => {
  await using server = twoItems();
  const stream = streamItems(server.url, Watch({}));
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  assert.deepEqual(await soon(stream.next()), { done: false, value: "two" });
  assert.deepEqual(await soon(stream.next()), { done: true, value: undefined });
  assert.deepEqual(await soon(stream.next()), { done: true, value: undefined });
});

Deno.test("streamItems() serves several next() at once in their order", async () => {
  await using server = twoItems();
  const stream = streamItems(server.url, Watch({}));
  const results = [stream.next(), stream.next(), stream.next(), stream.next()];
  assert.deepEqual(
    (await soon(Promise.all(results))).map(({ value }) => value),
    ["one", "two", undefined, undefined],
  );
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() posts the data as JSON and asks for an event stream", async () => {
  await using server = twoItems();
  await soon(Array.fromAsync(streamItems(server.url, Watch({ folder: "a", depth: [1] }))));
  const [request] = server.requests;
  assert.equal(request?.method, "POST");
  assert.equal(request.body, '{"folder":"a","depth":[1]}');
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("accept"), "text/event-stream");
});

Deno.test("streamItems() posts nothing for a request without data", async () => {
  await using server = twoItems();
  await soon(Array.fromAsync(streamItems(server.url, streamRequest("watch")())));
  assert.equal(server.requests[0]?.body, "");
  assert.equal(server.requests[0]?.headers.get("content-type"), "application/json");
});

Deno.test("streamItems() sends the data as they were when it was called", async () => {
  await using server = twoItems();
  const data = { folder: "a" };
  const stream = streamItems(server.url, Watch(data));
  data.folder = "b";
  await soon(Array.fromAsync(stream));
  assert.equal(server.requests[0]?.body, '{"folder":"a"}');
});

for (
  const [name, data] of [["a bigint", { size: 1n }], ["a function", () => {}]] as const
) {
  Deno.test(`streamItems() refuses ${name} at once`, () => {
    assert.throws(() => streamItems("http://a.example", Watch(data)), TypeError);
  });
}

Deno.test("streamItems() refuses a URL that is none at once", () => {
  assert.throws(() => streamItems("http://[", Watch({})), TypeError);
});

Deno.test("streamItems() refuses a relative URL at once where there is no page", () => {
  assert.throws(() => streamItems("/watch", Watch({})), TypeError);
});

Deno.test("streamItems() sends the trace and the correlation of the message with every request", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await using server = new RawServer(
    withDelete((request, connection) =>
      request.method === "POST"
        ? connection.write(RESUMABLE_HEAD + startEvent())
        : connection.write(STREAM_HEAD + END_OF_HEAD + itemEvent(1, "one"))
    ),
  );
  const request = Watch({}, { traceparent, correlationId: "c1" });
  for await (const _item of streamItems(server.url, request, { backoff: () => 0 })) break;
  assert.deepEqual(server.requests.map(({ method }) => method), ["POST", "GET", "DELETE"]);
  for (const { headers } of server.requests) {
    assert.equal(headers.get("traceparent"), traceparent);
    assert.equal(headers.get("x-correlation-id"), "c1");
  }
});

Deno.test("streamItems() makes up neither a trace nor a correlation", async () => {
  await using server = twoItems();
  await soon(Array.fromAsync(streamItems(server.url, Watch({}))));
  assert.equal(server.requests[0]?.headers.has("traceparent"), false);
  assert.equal(server.requests[0]?.headers.has("x-correlation-id"), false);
});

Deno.test("streamItems() makes items with deserialize", async () => {
  await using server = twoItems();
  const Typed = streamRequest("watch").yields<{ text: string }>();
  const deserialize = (text: string) => ({ text });
  assert.deepEqual(
    await soon(Array.fromAsync(streamItems(server.url, Typed(), { deserialize }))),
    [{ text: '"one"' }, { text: '"two"' }],
  );
});

Deno.test("streamItems() throws what deserialize throws as a cause, and cancels the run", async () => {
  await using server = new RawServer(
    withDelete((_request, connection) =>
      connection.write(RESUMABLE_HEAD + eventsOf(["one", "two"]).join(""))
    ),
  );
  const cause = new Error("Thrown");
  const stream = streamItems(server.url, Watch({}), {
    deserialize() {
      throw cause;
    },
  });
  await assert.rejects(
    soon(stream.next()),
    (error) => error instanceof UnexpectedResponseError && error.cause === cause,
  );
  await server.until(() => server.count("DELETE") === 1);
});

Deno.test("streamItems() knows events by the names that the route gives them", async () => {
  const names = { start: "begin", item: () => "file", done: "complete", failure: "broken" };
  const events = [
    startEvent().replace("event: start", "event: begin"),
    itemEvent(1, "one").replace("event: item", "event: file"),
    lastEvent("complete"),
  ].join("");
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + events)
  );
  const stream = streamItems(server.url, Watch({}), { eventNames: names });
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one"]);
});

Deno.test("streamItems() knows items without their names", async () => {
  const events = [
    startEvent(),
    itemEvent(1, "one").replace("event: item", "event: file"),
    itemEvent(2, "two").replace("event: item\n", ""),
    lastEvent(),
  ].join("");
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + events)
  );
  const stream = streamItems(server.url, Watch({}));
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one", "two"]);
});

Deno.test("streamItems() reads nothing ahead of what has arrived in a chunk", async () => {
  let chunks = 0;
  const texts = [startEvent() + itemEvent(1, 1) + itemEvent(2, 2), itemEvent(3, 3) + lastEvent()];
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const text = texts[chunks++];
      if (text === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(text));
    },
  }, { highWaterMark: 0 });
  const stream = streamItems("/watch", Watch({}), {
    fetch: () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
  });
  await soon(stream.next());
  await soon(stream.next());
  assert.equal(chunks, 1);
  await soon(stream.next());
  assert.equal(chunks, 2);
  await soon(stream.return());
});

Deno.test("streamItems() takes a relative URL where fetch does", async () => {
  const targets: string[] = [];
  const api = new Hono().all("/watch", (c) => {
    targets.push(`${c.req.method} ${c.req.path} ${c.req.query("sluice_run")}`);
    const isStart = c.req.method === "POST";
    const events = isStart ? startEvent() : itemEvent(1, "one") + lastEvent();
    return c.body(events, 200, { "content-type": "text/event-stream" });
  });
  const stream = streamItems("/watch?room=7", Watch({}), {
    fetch: api.request,
    backoff: () => 0,
  });
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one"]);
  assert.deepEqual(targets, ["POST /watch undefined", `GET /watch ${RUN}`]);
});

Deno.test("streamItems() takes a URL object", async () => {
  await using server = twoItems();
  await soon(Array.fromAsync(streamItems(new URL("/a?b=c#d", server.url), Watch({}))));
  assert.equal(server.requests[0]?.target, "/a?b=c");
});

Deno.test("streamItems() takes the run's URL to refer to where a redirect has led", async () => {
  await using server = new RawServer((request, connection) => {
    if (request.target === "/old") {
      const answer = "HTTP/1.1 307 X\r\nlocation: /new\r\ncontent-length: 0\r\n\r\n";
      return connection.write(answer);
    }
    return connection.write(
      request.method === "POST"
        ? RESUMABLE_HEAD + startEvent()
        : STREAM_HEAD + END_OF_HEAD + lastEvent(),
    );
  });
  const stream = streamItems(`${server.url}/old`, Watch({}), { backoff: () => 0 });
  await soon(Array.fromAsync(stream));
  assert.deepEqual(
    server.requests.map(({ method, target }) => `${method} ${target}`),
    ["POST /old", "POST /new", `GET /new${RUN_URL}`],
  );
});

Deno.test("streamItems() calls fetch without a receiver", async () => {
  const receivers: unknown[] = [];
  const fetch = function (this: unknown, ...args: Parameters<Fetch>) {
    receivers.push(this);
    return answerAtOnce(...args);
  };
  await soon(Array.fromAsync(streamItems("/watch", Watch({}), { fetch })));
  assert.deepEqual(receivers, [undefined]);
});

Deno.test("streamItems() passes credentials on only where they are given", async () => {
  await using server = twoItems();
  const { fetch, inits } = recordingFetch();
  await soon(Array.fromAsync(streamItems(server.url, Watch({}), { fetch })));
  await soon(
    Array.fromAsync(streamItems(server.url, Watch({}), { fetch, credentials: "include" })),
  );
  assert.deepEqual(inits.map((init) => "credentials" in init), [false, true]);
  assert.equal(inits[1]?.credentials, "include");
});
