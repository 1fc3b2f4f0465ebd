import assert from "node:assert/strict";
import { ConnectionLostError, HttpProblemError, streamItems } from "../../../src/client/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { after, breakOff, events, giveRest, items } from "./broken_run.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  itemEvent,
  RESUMABLE_HEAD,
  RUN,
  RUN_URL,
  startEvent,
  STREAM_HEAD,
  Watch,
} from "./support.ts";

const options = { backoff: () => 0 };

Deno.test("streamItems() throws what headers throws before the start, and sends nothing", async () => {
  await using server = new RawServer(giveRest);
  const thrown = new Error("No token");
  const stream = streamItems(server.url, Watch({}), { headers: () => Promise.reject(thrown) });
  await assert.rejects(stream.next(), thrown);
  assert.equal(server.requests.length, 0);
});

Deno.test("streamItems() gives up when headers takes longer than silenceMs before the start", async () => {
  await using server = new RawServer(giveRest);
  const clock = new ManualClock();
  const headers = () => new Promise<never>(() => {});
  const lost = assert.rejects(
    streamItems(server.url, Watch({}), { clock, headers }).next(),
    (error) =>
      error instanceof ConnectionLostError && error.cause instanceof DOMException &&
      error.cause.name === "TimeoutError",
  );
  await soon(clock.timersPending());
  await clock.advance(45_000);
  await soon(lost);
  assert.equal(server.requests.length, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("streamItems() does not repeat a start that is not answered", async () => {
  await using server = new RawServer(() => {});
  await assert.rejects(
    soon(streamItems(server.url, Watch({}), options).next()),
    (error) =>
      error instanceof ConnectionLostError && error.attempts === 0 &&
      error.cause instanceof TypeError,
  );
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() does not repeat a start that is not answered for silenceMs", async () => {
  await using server = new RawServer((_request, connection) => connection.left());
  const clock = new ManualClock();
  const lost = assert.rejects(
    streamItems(server.url, Watch({}), { ...options, clock }).next(),
    (error) =>
      error instanceof ConnectionLostError && error.cause instanceof DOMException &&
      error.cause.name === "TimeoutError",
  );
  await server.until(() => server.count("POST") === 1);
  await clock.advance(45_000);
  await soon(lost);
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() does not repeat a start that is answered with 503", async () => {
  await using server = new RawServer((_request, connection) => connection.write(bareAnswer(503)));
  await assert.rejects(
    soon(streamItems(server.url, Watch({}), options).next()),
    (error) => error instanceof HttpProblemError && error.status === 503,
  );
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() cannot resume a run without a URL", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(
      STREAM_HEAD + END_OF_HEAD + startEvent({ run: RUN }) + itemEvent(1, "one"),
    )
  );
  const stream = streamItems(server.url, Watch({}), options);
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  await assert.rejects(soon(stream.next()), ConnectionLostError);
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() repeats a start by GET, which is safe", async () => {
  const refuse: Respond = (_request, connection) => connection.write(bareAnswer(503));
  await using server = new RawServer(after(breakOff, refuse));
  const stream = streamItems(server.url, Watch({}), { ...options, method: "GET" });
  assert.deepEqual(await soon(Array.fromAsync(stream)), items);
  assert.equal(server.count("GET"), 3);
});

Deno.test("streamItems() does not repeat a start by GET of which an event has come", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(STREAM_HEAD + END_OF_HEAD + startEvent({ run: RUN }))
  );
  const stream = streamItems(server.url, Watch({}), { ...options, method: "GET" });
  await assert.rejects(soon(stream.next()), ConnectionLostError);
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() resumes a run that was started by GET at its URL", async () => {
  await using server = new RawServer((request, connection) =>
    request.target === "/?room=a"
      ? connection.write(RESUMABLE_HEAD + events.slice(0, 2).join(""))
      : giveRest(request, connection)
  );
  const stream = streamItems(server.url, Watch({ room: "a" }), { ...options, method: "GET" });
  assert.deepEqual(await soon(Array.fromAsync(stream)), items);
  assert.deepEqual(
    server.requests.map(({ target }) => target),
    ["/?room=a", `/${RUN_URL}&room=a`],
  );
});
