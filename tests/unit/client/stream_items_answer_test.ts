import assert from "node:assert/strict";
import {
  HttpProblemError,
  StreamFailureError,
  StreamGoneError,
  streamItems,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import { SseParseError } from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  eventsOf,
  goneEvent,
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

const options = { backoff: () => 0 };

/** Answers every request but `DELETE` with `text`. */
function answering(text: string): Respond {
  return withDelete((_request, connection) => connection.write(text));
}

function problemAnswer(status: number, body: string, type = "application/problem+json"): string {
  return `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\nconnection: close\r\n\r\n${body}`;
}

/** What asking for the items of a run on `server` throws. */
async function errorOf(server: RawServer, more: object = {}): Promise<unknown> {
  const stream = streamItems(server.url, Watch({}), { ...options, ...more });
  return await soon(Array.fromAsync(stream)).then(() => undefined, (error) => error);
}

Deno.test("streamItems() throws the problem that a start is answered with", async () => {
  const problem = { type: "about:blank", title: "Bad Request", status: 400, code: "no_folder" };
  await using server = new RawServer(answering(problemAnswer(400, JSON.stringify(problem))));
  const error = await errorOf(server);
  assert.ok(error instanceof HttpProblemError);
  assert.equal(error.status, 400);
  assert.deepEqual(error.problem, problem);
});

for (
  const [name, body] of [
    ["HTML", "<!doctype html><title>502</title>"],
    ["nothing", ""],
    ["JSON that is no object", '["a"]'],
  ] as const
) {
  Deno.test(`streamItems() throws the status of an error that is answered with ${name}`, async () => {
    await using server = new RawServer(answering(problemAnswer(500, body, "text/html")));
    const error = await errorOf(server);
    assert.ok(error instanceof HttpProblemError);
    assert.equal(error.status, 500);
    assert.deepEqual(error.problem, {});
  });
}

Deno.test("streamItems() throws the status of an error that is answered in no known encoding", async () => {
  await using server = new RawServer(async (_request, connection) => {
    await connection.write(problemAnswer(500, '{"detail":"'));
    await connection.write(Uint8Array.of(0xe4, 0x22, 0x7d));
  });
  const error = await errorOf(server);
  assert.ok(error instanceof HttpProblemError);
  assert.deepEqual(error.problem, {});
});

Deno.test("streamItems() throws the status of an error whose answer breaks off", async () => {
  await using server = new RawServer(
    answering('HTTP/1.1 403 X\r\ncontent-length: 100\r\n\r\n{"detail":'),
  );
  const error = await errorOf(server);
  assert.ok(error instanceof HttpProblemError);
  assert.equal(error.status, 403);
  assert.deepEqual(error.problem, {});
});

Deno.test("streamItems() reads 64 KiB of what a server says of an error", async () => {
  const problem = JSON.stringify({ detail: "x".repeat(65_536 - '{"detail":""}'.length) });
  await using server = new RawServer(answering(problemAnswer(400, problem)));
  const error = await errorOf(server);
  assert.ok(error instanceof HttpProblemError);
  assert.equal(error.problem.detail?.length, 65_536 - '{"detail":""}'.length);
});

Deno.test("streamItems() leaves an error that a server says more than 64 KiB of", async () => {
  const { promise: left, resolve: onLeft } = Promise.withResolvers<void>();
  await using server = new RawServer(async (_request, connection) => {
    await connection.write(problemAnswer(400, `{"detail":"${"x".repeat(65_536)}`));
    await connection.left();
    onLeft();
  });
  const error = await errorOf(server);
  assert.ok(error instanceof HttpProblemError);
  assert.deepEqual(error.problem, {});
  await soon(left);
});

Deno.test("streamItems() throws the failure of the run after the items before it", async () => {
  const problem = { status: 422, code: "too_large", detail: "Too large" };
  await using server = new RawServer(
    answering(RESUMABLE_HEAD + startEvent() + itemEvent(1, "one") + lastEvent("failure", problem)),
  );
  const stream = streamItems(server.url, Watch({}), options);
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  await assert.rejects(
    soon(stream.next()),
    (error) => error instanceof StreamFailureError && error.problem.code === "too_large",
  );
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() throws a failure that says nothing", async () => {
  const failure = lastEvent("failure").replace("{}", "oh no");
  await using server = new RawServer(answering(RESUMABLE_HEAD + startEvent() + failure));
  const error = await errorOf(server);
  assert.ok(error instanceof StreamFailureError);
  assert.deepEqual(error.problem, {});
});

Deno.test("streamItems() throws when the run is gone after a resume", async () => {
  await using server = new RawServer((request, connection) =>
    connection.write(
      request.method === "POST"
        ? RESUMABLE_HEAD + startEvent()
        : STREAM_HEAD + END_OF_HEAD + goneEvent(),
    )
  );
  const error = await errorOf(server);
  assert.ok(error instanceof StreamGoneError);
  assert.equal(error.problem.status, 410);
  assert.deepEqual(server.requests.map(({ method }) => method), ["POST", "GET"]);
});

Deno.test("streamItems() throws when another connection takes the run over, and leaves it be", async () => {
  await using server = new RawServer(
    answering(RESUMABLE_HEAD + startEvent() + itemEvent(1, "one") + goneEvent()),
  );
  const stream = streamItems(server.url, Watch({}), options);
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  await assert.rejects(soon(stream.next()), StreamGoneError);
  await soon(stream.return());
  assert.equal(server.requests.length, 1);
});

for (
  const [name, answer] of [
    ["a page", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>"],
    ["no type", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ndata: 1\n\n"],
    ["a longer type", STREAM_HEAD.replace("stream", "stream-x") + END_OF_HEAD + startEvent()],
    ["204", bareAnswer(204)],
    ["304", bareAnswer(304)],
    ["another status", RESUMABLE_HEAD.replace("200", "300") + startEvent()],
    ["an event of nobody", `${STREAM_HEAD}${END_OF_HEAD}data: 1\n\n`],
    ["an item before the start", STREAM_HEAD + END_OF_HEAD + itemEvent(1, "one")],
    ["the end before the start", STREAM_HEAD + END_OF_HEAD + lastEvent()],
    [
      "a start that is no JSON",
      `${STREAM_HEAD}${END_OF_HEAD}event: start\nid: ${RUN}:0\ndata: {\n\n`,
    ],
    ["a start that is null", STREAM_HEAD + END_OF_HEAD + startEvent(null)],
  ] as const
) {
  Deno.test(`streamItems() refuses a start that is answered with ${name}`, async () => {
    await using server = new RawServer(answering(answer));
    const error = await errorOf(server);
    assert.ok(error instanceof UnexpectedResponseError, String(error));
    assert.equal(server.requests.length, 1);
  });
}

for (
  const [name, answer] of [
    ["a page", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>"],
    ["204", bareAnswer(204)],
  ] as const
) {
  Deno.test(`streamItems() refuses a resume that is answered with ${name}`, async () => {
    await using server = new RawServer(
      withDelete((request, connection) =>
        connection.write(request.method === "POST" ? RESUMABLE_HEAD + startEvent() : answer)
      ),
    );
    const error = await errorOf(server);
    assert.ok(error instanceof UnexpectedResponseError, String(error));
    assert.equal(server.count("GET"), 1);
    await server.until(() => server.count("DELETE") === 1);
  });
}

for (
  const [name, events] of [
    ["a gap", [startEvent(), itemEvent(2, "two")]],
    ["a repetition", [startEvent(), itemEvent(1, "one"), itemEvent(1, "one")]],
    ["an item without an id", [startEvent(), itemEvent(1, "one"), "event: item\ndata: 2\n\n"]],
    ["a second start", [startEvent(), startEvent()]],
    ["an item of another run", [startEvent(), itemEvent(1, "one").replace(RUN, "other")]],
    ["the end of another run", [startEvent(), lastEvent().replace(RUN, "other")]],
    ["an end that has a number", [startEvent(), itemEvent(1, {}).replace("item", "done")]],
    ["an end of no known name", [startEvent(), lastEvent("over")]],
    ["an item that is no JSON", [startEvent(), itemEvent(1, "one").replace('"one"', "{")]],
    ["an item that is empty", [startEvent(), itemEvent(1, "one").replace('"one"', "")]],
  ] as const
) {
  Deno.test(`streamItems() refuses ${name}, and cancels the run`, async () => {
    await using server = new RawServer(withDelete(async (_request, connection) => {
      await connection.write(RESUMABLE_HEAD + events.join(""));
      await connection.left();
    }));
    const error = await errorOf(server);
    assert.ok(error instanceof UnexpectedResponseError, String(error));
    await server.until(() => server.count("DELETE") === 1);
    assert.equal(server.count("GET"), 0);
  });
}

Deno.test("streamItems() refuses a URL of the run that is none", async () => {
  const head = RESUMABLE_HEAD.replace(/location: .+/, "location: http://[");
  await using server = new RawServer(answering(head + startEvent()));
  assert.ok(await errorOf(server) instanceof UnexpectedResponseError);
});

for (
  const [name, head, start] of [
    ["header", RESUMABLE_HEAD, startEvent()],
    ["first event", STREAM_HEAD + END_OF_HEAD, startEvent({ run: RUN, url: RUN_URL })],
  ] as const
) {
  Deno.test(`streamItems() refuses a run on another origin, named by a ${name}, and sends nothing there`, async () => {
    await using other = new RawServer(withDelete(() => {}));
    const url = `${other.url}/admin`;
    const events = (head + start).replaceAll(RUN_URL, url) + itemEvent(1, "one");
    await using server = new RawServer(answering(events));
    const { fetch, inits, settled } = recordingFetch();
    const error = await errorOf(server, { fetch });
    assert.ok(error instanceof UnexpectedResponseError);
    assert.equal(error.finding, `the run is on another origin, ${other.url}`);
    await soon(settled());
    assert.equal(inits.length, 1);
    assert.equal(other.requests.length, 0);
  });
}

Deno.test("streamItems() refuses an event that is larger than maxEventBytes, and cancels the run", async () => {
  const events = startEvent() + itemEvent(1, "x".repeat(200));
  await using server = new RawServer(answering(RESUMABLE_HEAD + events));
  const error = await errorOf(server, { maxEventBytes: 200 });
  assert.ok(error instanceof SseParseError);
  assert.equal(error.maxEventBytes, 200);
  await server.until(() => server.count("DELETE") === 1);
});

Deno.test("streamItems() reads an answer whose type has a parameter, in any case", async () => {
  const head = RESUMABLE_HEAD.replace("text/event-stream", "Text/Event-Stream; charset=utf-8");
  await using server = new RawServer(answering(head + eventsOf(["one"]).join("")));
  const stream = streamItems(server.url, Watch({}), options);
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one"]);
});

for (const [nowMs, retryAfterMs] of [[10_000, 50_000], [70_000, 0]] as const) {
  Deno.test(`streamItems() tells that a server asks to wait ${retryAfterMs} ms`, async () => {
    const answer = bareAnswer(503, "retry-after: Thu, 01 Jan 1970 00:01:00 GMT\r\n");
    await using server = new RawServer(answering(answer));
    const error = await errorOf(server, { clock: new ManualClock(nowMs) });
    assert.ok(error instanceof HttpProblemError);
    assert.equal(error.retryAfterMs, retryAfterMs);
  });
}
