import assert from "node:assert/strict";
import { ConnectionLostError, streamItems } from "../../../src/client/mod.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
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

const items = ["one", "zwei \u00e4", { three: ["\u{1f30d}", null] }, "line\nline"];

/** The events of a run, with what stands between them. */
const events = [
  `retry: 0\n\n${startEvent()}`,
  itemEvent(1, items[0]),
  `: keep-alive\n\n${itemEvent(2, items[1])}`,
  itemEvent(3, items[2]),
  `: keep-alive\n\n: \u00e4\n\n${itemEvent(4, items[3])}`,
  lastEvent(),
];

const options = { backoff: () => 0, maxAttempts: 3 };

function bytesAfter(eventCount: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(events.slice(eventCount).join(""));
}

const byteCount = bytesAfter(0).length;

/** Cuts each connection after as many bytes of its body as `cuts` has for it, and no further one. */
function cutting(cuts: readonly number[], head = RESUMABLE_HEAD): Respond {
  const left = [...cuts];
  return async (request, connection) => {
    await connection.write(request.method === "POST" ? head : STREAM_HEAD + END_OF_HEAD);
    await connection.write(bytesAfter(eventsSeenBy(request)).slice(0, left.shift()));
  };
}

Deno.test("streamItems() gives every item once, wherever the connection is cut", async () => {
  for (let cut = 0; cut <= byteCount; cut++) {
    await using server = new RawServer(cutting([cut]));
    const received = await soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
    assert.deepEqual(received, items, `cut after ${cut} bytes`);
    const methods = server.requests.map(({ method }) => method);
    assert.deepEqual(methods, cut === byteCount ? ["POST"] : ["POST", "GET"]);
  }
});

Deno.test("streamItems() gives every item once, wherever the resumed connection is cut", async () => {
  const first = bytesAfter(0).length - bytesAfter(2).length;
  for (let cut = 0; cut <= bytesAfter(2).length; cut++) {
    await using server = new RawServer(cutting([first, cut]));
    const received = await soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
    assert.deepEqual(received, items, `cut after ${cut} bytes`);
    assert.equal(server.count("POST"), 1);
    assert.equal(server.requests[1]?.headers.get("last-event-id"), `${RUN}:1`);
  }
});

Deno.test("streamItems() finds the run by its first event where the response hides its URL", async () => {
  const start = new TextEncoder().encode(events[0]).length;
  for (let cut = 0; cut <= byteCount; cut++) {
    await using server = new RawServer(cutting([cut], STREAM_HEAD + END_OF_HEAD));
    const received = soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
    if (cut < start) await assert.rejects(received, ConnectionLostError, `cut after ${cut} bytes`);
    else assert.deepEqual(await received, items, `cut after ${cut} bytes`);
    assert.equal(server.count("POST"), 1);
  }
});

Deno.test("streamItems() gives every item once, wherever a chunked response is cut", async () => {
  const chunks = events.map((event) => new TextEncoder().encode(event));
  const body = await new Blob([
    ...chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, "\r\n"]),
    "0\r\n\r\n",
  ]).bytes();
  for (let cut = 0; cut <= body.length; cut++) {
    await using server = new RawServer(async (request, connection) => {
      if (request.method !== "POST") return cutting([])(request, connection);
      const head = `${STREAM_HEAD}\r\ntransfer-encoding: chunked\r\nlocation: ${RUN_URL}`;
      await connection.write(head + END_OF_HEAD);
      await connection.write(body.slice(0, cut));
    });
    const received = await soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
    assert.deepEqual(received, items, `cut after ${cut} bytes`);
    assert.equal(server.count("POST"), 1);
  }
});

Deno.test("streamItems() resumes at the URL of the run, after the last event that was whole", async () => {
  const first = bytesAfter(0).length - bytesAfter(4).length + 10;
  await using server = new RawServer(cutting([first]));
  await soon(Array.fromAsync(streamItems(`${server.url}/watch?room=7`, Watch({}), options)));
  const [start, resume] = server.requests;
  assert.equal(start?.target, "/watch?room=7");
  assert.equal(resume?.method, "GET");
  assert.equal(resume?.target, `/watch${RUN_URL}&room=7`);
  assert.equal(resume?.headers.get("last-event-id"), `${RUN}:3`);
});

Deno.test("streamItems() asks for a run from its beginning if no event has come", async () => {
  await using server = new RawServer(cutting([0]));
  assert.deepEqual(await soon(Array.fromAsync(streamItems(server.url, Watch({}), options))), items);
  assert.equal(server.requests[1]?.method, "GET");
  assert.equal(server.requests[1]?.headers.has("last-event-id"), false);
});
