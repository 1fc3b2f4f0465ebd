import assert from "node:assert/strict";
import {
  ConnectionLostError,
  type ConnectionState,
  HttpProblemError,
  streamItems,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { after, breakOff, brokenOff, events, giveRest, items } from "./broken_run.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  eventsSeenBy,
  itemEvent,
  lastEvent,
  RESUMABLE_HEAD,
  RUN,
  RUN_URL,
  startEvent,
  STREAM_HEAD,
  Watch,
} from "./support.ts";

const options = { backoff: () => 0 };

for (const status of [408, 429, 502, 503, 504]) {
  Deno.test(`streamItems() tries again when a resume is answered with ${status}`, async () => {
    const refuse: Respond = (_request, connection) => connection.write(bareAnswer(status));
    await using server = new RawServer(brokenOff(2, after(refuse, refuse)));
    const received = Array.fromAsync(streamItems(server.url, Watch({}), options));
    assert.deepEqual(await soon(received), items);
    assert.equal(server.count("GET"), 3);
  });
}

for (const status of [400, 401, 403, 404, 410, 500, 501]) {
  Deno.test(`streamItems() gives up at once when a resume is answered with ${status}`, async () => {
    await using server = new RawServer(
      brokenOff(2, (_request, connection) => connection.write(bareAnswer(status))),
    );
    await assert.rejects(
      soon(Array.fromAsync(streamItems(server.url, Watch({}), options))),
      (error) => error instanceof HttpProblemError && error.status === status,
    );
    assert.equal(server.count("GET"), 1);
    assert.equal(server.count("DELETE"), 0);
  });
}

Deno.test("streamItems() tries again when a resume breaks off, with or without an answer", async () => {
  const breakOffInHead: Respond = (_request, connection) => connection.write("HTTP/1.1 200 OK\r\n");
  const breakOffInBody: Respond = (_request, connection) =>
    connection.write(STREAM_HEAD + END_OF_HEAD);
  await using server = new RawServer(
    brokenOff(2, after(breakOff, breakOffInHead, breakOffInBody)),
  );
  const received = Array.fromAsync(streamItems(server.url, Watch({}), options));
  assert.deepEqual(await soon(received), items);
  assert.equal(server.count("GET"), 4);
});

Deno.test("streamItems() gives up after maxAttempts attempts without progress", async () => {
  await using server = new RawServer(brokenOff(2, breakOff));
  const stream = streamItems(server.url, Watch({}), { ...options, maxAttempts: 4 });
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  await assert.rejects(
    soon(stream.next()),
    (error) =>
      error instanceof ConnectionLostError && error.attempts === 4 &&
      error.cause instanceof ConnectionLostError,
  );
  assert.equal(server.count("GET"), 4);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

Deno.test("streamItems() tells the answer to the last attempt as the cause of giving up", async () => {
  await using server = new RawServer(
    brokenOff(2, (_request, connection) => connection.write(bareAnswer(503))),
  );
  await assert.rejects(
    soon(Array.fromAsync(streamItems(server.url, Watch({}), { ...options, maxAttempts: 2 }))),
    (error) =>
      error instanceof ConnectionLostError && error.cause instanceof HttpProblemError &&
      error.cause.status === 503,
  );
});

Deno.test("streamItems() never connects again with maxAttempts 0", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  await assert.rejects(
    soon(Array.fromAsync(streamItems(server.url, Watch({}), { ...options, maxAttempts: 0 }))),
    (error) => error instanceof ConnectionLostError && error.attempts === 0,
  );
  assert.equal(server.count("GET"), 0);
});

Deno.test("streamItems() counts attempts anew after each new event", async () => {
  const one: Respond = (request, connection) =>
    connection.write(STREAM_HEAD + END_OF_HEAD + events[eventsSeenBy(request)]);
  await using server = new RawServer(
    brokenOff(1, after(breakOff, one, breakOff, one, breakOff, one, breakOff)),
  );
  const stream = streamItems(server.url, Watch({}), { ...options, maxAttempts: 2 });
  assert.deepEqual(await soon(Array.fromAsync(stream)), items);
});

Deno.test("streamItems() counts attempts anew after a heartbeat", async () => {
  const heartbeat: Respond = (_request, connection) =>
    connection.write(`${STREAM_HEAD}${END_OF_HEAD}: keep-alive\n\n`);
  await using server = new RawServer(brokenOff(2, after(heartbeat, heartbeat, heartbeat)));
  const stream = streamItems(server.url, Watch({}), { ...options, maxAttempts: 1 });
  assert.deepEqual(await soon(Array.fromAsync(stream)), items);
});

Deno.test("streamItems() does not count events that are known already as progress", async () => {
  const repeat: Respond = (_request, connection) =>
    connection.write(STREAM_HEAD + END_OF_HEAD + events.slice(0, 2).join(""));
  await using server = new RawServer(brokenOff(2, repeat));
  const stream = streamItems(server.url, Watch({}), { ...options, maxAttempts: 3 });
  await assert.rejects(soon(Array.fromAsync(stream)), ConnectionLostError);
  assert.equal(server.count("GET"), 3);
});

Deno.test("streamItems() tells when it is connected, when it is not, and why", async () => {
  const refuse: Respond = (_request, connection) => connection.write(bareAnswer(503));
  await using server = new RawServer(brokenOff(2, after(refuse)));
  const states: ConnectionState[] = [];
  const stream = streamItems(server.url, Watch({}), {
    backoff: (attempt) => attempt / 10,
    onStateChange: (state) => states.push(state),
  });
  await soon(Array.fromAsync(stream));
  assert.deepEqual(
    states.map((state) =>
      state.state === "open" ? "open" : [state.attempt, state.delayMs, state.cause.code]
    ),
    ["open", [1, 0.1, "connection_lost"], [2, 0.2, "http_problem"], "open"],
  );
});

Deno.test("streamItems() ends with what onStateChange throws, and cancels the run", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const thrown = new Error("Thrown");
  const stream = streamItems(server.url, Watch({}), {
    ...options,
    onStateChange({ state }) {
      if (state === "reconnecting") throw thrown;
    },
  });
  await assert.rejects(soon(Array.fromAsync(stream)), thrown);
  await server.until(() => server.count("DELETE") === 1);
});

Deno.test("streamItems() waits before it connects again, as long as backoff says", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const clock = new ManualClock();
  const received = Array.fromAsync(
    streamItems(server.url, Watch({}), { clock, silenceMs: Infinity, backoff: () => 700 }),
  );
  await soon(clock.timersPending());
  await clock.advance(699);
  assert.equal(server.count("GET"), 0);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(1);
  await server.until(() => server.count("GET") === 1);
  assert.deepEqual(await soon(received), items);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("streamItems() takes the base of its delays from the server", async () => {
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "POST") return giveRest(request, connection);
    await connection.write(`${RESUMABLE_HEAD}retry: 600000\n\n${events[0]}`);
  });
  const delays: number[] = [];
  const leaving = new AbortController();
  const stream = streamItems(server.url, Watch({}), {
    signal: leaving.signal,
    onStateChange(state) {
      if (state.state !== "reconnecting") return;
      delays.push(state.delayMs);
      leaving.abort();
    },
  });
  const random = Math.random;
  Math.random = () => 0.5;
  try {
    await assert.rejects(soon(stream.next()), { name: "AbortError" });
  } finally {
    Math.random = random;
  }
  assert.deepEqual(delays, [30_000]);
});

for (
  const [name, value, delayMs] of [
    ["a number of seconds", "120", 120_000],
    ["a date", "Thu, 01 Jan 1970 00:01:00 GMT", 60_000],
    ["a date that has passed", "Wed, 31 Dec 1969 23:00:00 GMT", 50],
    ["less than the backoff", "0", 50],
    ["nonsense", "soon", 50],
  ] as const
) {
  Deno.test(`streamItems() honours Retry-After with ${name}`, async () => {
    const header = `retry-after: ${value}\r\n`;
    await using server = new RawServer(
      brokenOff(2, after((_request, connection) => connection.write(bareAnswer(503, header)))),
    );
    const clock = new ManualClock();
    const delays: number[] = [];
    const received = Array.fromAsync(
      streamItems(server.url, Watch({}), {
        clock,
        silenceMs: Infinity,
        backoff: (attempt) => attempt === 1 ? 0 : 50,
        onStateChange: (state) => state.state === "reconnecting" && delays.push(state.delayMs),
      }),
    );
    await soon(clock.timersPending());
    await clock.advance(0);
    await server.until(() => server.count("GET") === 1);
    await soon(clock.timersPending());
    assert.deepEqual(delays, [0, delayMs]);
    await clock.advance(delayMs);
    assert.deepEqual(await soon(received), items);
  });
}

Deno.test("streamItems() tries again when the headers of a resume cannot be had", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const causes: unknown[] = [];
  let calls = 0;
  const received = Array.fromAsync(
    streamItems(server.url, Watch({}), {
      ...options,
      headers() {
        if (calls++ === 1) throw new Error("No token");
        return {};
      },
      onStateChange: (state) => state.state === "reconnecting" && causes.push(state.cause.cause),
    }),
  );
  assert.deepEqual(await soon(received), items);
  assert.deepEqual(causes.at(-1), new Error("No token"));
});

Deno.test("streamItems() resumes where the response says, whatever the first event says", async () => {
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "POST") return giveRest(request, connection);
    await connection.write(RESUMABLE_HEAD + startEvent({ run: RUN, url: "?other=1" }));
  });
  await soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
  assert.equal(server.requests[1]?.target, `/${RUN_URL}`);
});

Deno.test("streamItems() asks for headers anew for each request", async () => {
  await using server = new RawServer(brokenOff(2, after(breakOff)));
  let tokens = 0;
  const headers = () => Promise.resolve({ authorization: `Bearer ${++tokens}` });
  await soon(Array.fromAsync(streamItems(server.url, Watch({}), { ...options, headers })));
  assert.deepEqual(
    server.requests.map((request) => request.headers.get("authorization")),
    ["Bearer 1", "Bearer 2", "Bearer 3"],
  );
});

Deno.test("streamItems() skips events that it knows when a connection begins with them", async () => {
  const repeat: Respond = (_request, connection) =>
    connection.write(STREAM_HEAD + END_OF_HEAD + events.slice(1).join(""));
  await using server = new RawServer(brokenOff(3, repeat));
  assert.deepEqual(await soon(Array.fromAsync(streamItems(server.url, Watch({}), options))), items);
});

for (
  const [name, rest] of [
    ["a gap", [itemEvent(3, "three"), lastEvent()]],
    ["a repetition", [itemEvent(2, "two"), itemEvent(2, "two"), lastEvent()]],
    ["the items of another run", [itemEvent(2, "two").replace(RUN, "other"), lastEvent()]],
  ] as const
) {
  Deno.test(`streamItems() refuses ${name} after a resume, and cancels the run`, async () => {
    const wrong: Respond = (_request, connection) =>
      connection.write(STREAM_HEAD + END_OF_HEAD + rest.join(""));
    await using server = new RawServer(
      brokenOff(
        2,
        (request, connection) => request.method === "GET" ? wrong(request, connection) : undefined,
      ),
    );
    await assert.rejects(
      soon(Array.fromAsync(streamItems(server.url, Watch({}), options))),
      UnexpectedResponseError,
    );
    await server.until(() => server.count("DELETE") === 1);
  });
}
