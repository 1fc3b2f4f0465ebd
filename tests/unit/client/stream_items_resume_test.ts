import assert from "node:assert/strict";
import {
  ConnectionLostError,
  type ConnectionState,
  HttpProblemError,
  streamItems,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import { systemClock } from "../../../src/clock.ts";
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

const KEEP_ALIVE = ": keep-alive\n\n";

for (const [openMs, isProgress] of [[4_999, false], [5_000, true]] as const) {
  const claim = isProgress ? "counts attempts anew" : "does not count attempts anew";
  Deno.test(`streamItems() ${claim} after a heartbeat ${openMs} ms after the connection`, async () => {
    let nowMs = 0;
    let opened = Promise.withResolvers<void>();
    const heartbeat: Respond = async (_request, connection) => {
      await connection.write(STREAM_HEAD + END_OF_HEAD);
      await opened.promise;
      nowMs += openMs;
      await connection.write(KEEP_ALIVE);
    };
    await using server = new RawServer(brokenOff(2, after(heartbeat, heartbeat)));
    const stream = streamItems(server.url, Watch({}), {
      ...options,
      maxAttempts: 1,
      clock: { ...systemClock, now: () => nowMs },
      onStateChange({ state }) {
        if (state === "open") opened.resolve();
        else opened = Promise.withResolvers();
      },
    });
    const received = soon(Array.fromAsync(stream));
    if (isProgress) assert.deepEqual(await received, items);
    else await assert.rejects(received, ConnectionLostError);
    assert.equal(server.count("GET"), isProgress ? 3 : 1);
  });
}

Deno.test("streamItems() is not kept at it by a server that sends a heartbeat and breaks off", async () => {
  const heartbeat: Respond = (_request, connection) =>
    connection.write(`${STREAM_HEAD}${END_OF_HEAD}retry: 0\n${KEEP_ALIVE}`);
  await using server = new RawServer(brokenOff(2, heartbeat));
  const stream = streamItems(server.url, Watch({}), { ...options, maxAttempts: 3 });
  await assert.rejects(
    soon(Array.fromAsync(stream)),
    (error) => error instanceof ConnectionLostError && error.attempts === 3,
  );
  assert.equal(server.count("GET"), 3);
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

Deno.test("streamItems() tries again when the headers of a resume take longer than silenceMs", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const clock = new ManualClock();
  const causes: unknown[] = [];
  const { promise: cut, resolve: onCut } = Promise.withResolvers<void>();
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  let calls = 0;
  const received = Array.fromAsync(
    streamItems(server.url, Watch({}), {
      ...options,
      clock,
      headers() {
        if (calls++ !== 1) return {};
        onAsked();
        return new Promise<never>(() => {});
      },
      onStateChange(state) {
        if (state.state !== "reconnecting") return;
        causes.push(state.cause.cause);
        onCut();
      },
    }),
  );
  await soon(cut);
  await clock.advance(0);
  await soon(asked);
  await clock.advance(45_000); // and the next attempt comes at once
  assert.deepEqual(await soon(received), items);
  assert.ok(causes.at(-1) instanceof DOMException);
});

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
