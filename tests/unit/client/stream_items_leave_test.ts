import assert from "node:assert/strict";
import {
  ConnectionLostError,
  type RemoteItemStream,
  StreamFailureError,
  streamItems,
  type StreamItemsOptions,
} from "../../../src/client/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  itemEvent,
  lastEvent,
  RESUMABLE_HEAD,
  RUN_URL,
  startEvent,
  STREAM_HEAD,
  Watch,
  withDelete,
} from "./support.ts";

const firstEvents = startEvent() + itemEvent(1, "one");
const DONE = { done: true, value: undefined };

/** Sends `text`, waits until the client leaves, and notes it. */
function sending(text: string): { readonly respond: Respond; readonly left: Promise<void> } {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const respond: Respond = async (_request, connection) => {
    await connection.write(text);
    await connection.left();
    resolve();
  };
  return { respond, left: soon(left) };
}

function watch(
  server: RawServer,
  options: StreamItemsOptions<unknown> = {},
): RemoteItemStream<unknown> {
  return streamItems(`${server.url}/watch`, Watch({}), { backoff: () => 0, ...options });
}

function assertOneDelete(server: RawServer): void {
  const deletes = server.requests.filter(({ method }) => method === "DELETE");
  assert.deepEqual(deletes.map(({ target }) => target), [`/watch${RUN_URL}`]);
}

Deno.test("streamItems() sends nothing before the first item is asked for", async () => {
  await using server = new RawServer(() => {});
  const stream = watch(server);
  assert.deepEqual(await stream.return(), DONE);
  assert.deepEqual(await stream.next(), DONE);
  assert.equal(server.requests.length, 0);
});

Deno.test("return() leaves a start that is not answered, and ends the pending next()", async () => {
  const { respond, left } = sending("");
  await using server = new RawServer(respond);
  const stream = watch(server);
  const pending = stream.next();
  await server.until(() => server.count("POST") === 1);
  assert.deepEqual(await soon(stream.return()), DONE);
  assert.deepEqual(await soon(pending), DONE);
  await left;
  assert.equal(server.count("DELETE"), 0);
});

Deno.test("return() cancels a run of which no event has come", async () => {
  const { respond, left } = sending(RESUMABLE_HEAD);
  await using server = new RawServer(withDelete(respond));
  const { promise: opened, resolve: onStateChange } = Promise.withResolvers<unknown>();
  const stream = watch(server, { onStateChange });
  const pending = stream.next();
  await soon(opened);
  await soon(stream.return());
  assert.deepEqual(await soon(pending), DONE);
  assertOneDelete(server);
  await left;
});

Deno.test("return() cancels a run between two items", async () => {
  const { respond, left } = sending(RESUMABLE_HEAD + firstEvents + itemEvent(2, "two"));
  await using server = new RawServer(withDelete(respond));
  for await (const item of watch(server)) {
    assert.equal(item, "one");
    break;
  }
  assertOneDelete(server);
  await left;
});

Deno.test("return() cancels a run that is waited for, and ends the pending next()", async () => {
  const { respond, left } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer(withDelete(respond));
  const stream = watch(server);
  await soon(stream.next());
  const pending = stream.next();
  await soon(stream.return());
  assert.deepEqual(await soon(pending), DONE);
  assertOneDelete(server);
  await left;
});

Deno.test("return() cancels a run before an attempt to connect again", async () => {
  await using server = new RawServer(
    withDelete((_request, connection) => connection.write(RESUMABLE_HEAD + firstEvents)),
  );
  const clock = new ManualClock();
  const stream = watch(server, { clock, silenceMs: Infinity, backoff: () => 1_000 });
  await soon(stream.next());
  const pending = stream.next();
  await soon(clock.timersPending());
  await soon(stream.return());
  assert.deepEqual(await soon(pending), DONE);
  assertOneDelete(server);
  assert.equal(server.count("GET"), 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("return() cancels a run while a resume is not answered", async () => {
  const { respond, left } = sending("");
  await using server = new RawServer(
    withDelete((request, connection) =>
      request.method === "GET"
        ? respond(request, connection)
        : connection.write(RESUMABLE_HEAD + firstEvents)
    ),
  );
  const stream = watch(server);
  await soon(stream.next());
  const pending = stream.next();
  await server.until(() => server.count("GET") === 1);
  await soon(stream.return());
  assert.deepEqual(await soon(pending), DONE);
  assertOneDelete(server);
  await left;
});

Deno.test("return() cancels a run of which the URL came with its first event", async () => {
  const { respond } = sending(STREAM_HEAD + END_OF_HEAD + firstEvents);
  await using server = new RawServer(withDelete(respond));
  const stream = watch(server);
  await soon(stream.next());
  await soon(stream.return());
  assertOneDelete(server);
});

Deno.test("return() cancels a run at its URL with the parameters of the start", async () => {
  const { respond } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer(withDelete(respond));
  const stream = streamItems(`${server.url}/watch?tenant=t1#a`, Watch({}));
  await soon(stream.next());
  await soon(stream.return());
  assert.equal(server.requests[1]?.method, "DELETE");
  assert.equal(server.requests[1]?.target, `/watch${RUN_URL}&tenant=t1`);
});

Deno.test("return() leaves a run that cannot be resumed", async () => {
  const { respond, left } = sending(
    STREAM_HEAD + END_OF_HEAD + startEvent({ run: "r" }) + itemEvent(1, "one"),
  );
  await using server = new RawServer(respond);
  const stream = watch(server);
  await soon(stream.next());
  await soon(stream.return());
  await left;
  assert.equal(server.count("DELETE"), 0);
});

Deno.test("return() sends nothing after the end of the run", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + firstEvents + lastEvent())
  );
  const stream = watch(server);
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one"]);
  assert.deepEqual(await soon(stream.return()), DONE);
  assert.equal(server.requests.length, 1);
});

Deno.test("return() sends nothing while the end of the body is waited for", async () => {
  const { respond, left } = sending(RESUMABLE_HEAD + firstEvents + lastEvent());
  await using server = new RawServer(respond);
  const clock = new ManualClock();
  const stream = watch(server, { clock, silenceMs: Infinity });
  await soon(stream.next());
  const pending = stream.next();
  await soon(clock.timersPending());
  await soon(stream.return());
  assert.deepEqual(await soon(pending), DONE);
  await left;
  assert.equal(server.count("DELETE"), 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("return() sends nothing after a failure of the run", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + firstEvents + lastEvent("failure"))
  );
  const stream = watch(server);
  await assert.rejects(soon(Array.fromAsync(stream)), StreamFailureError);
  await soon(stream.return());
  assert.equal(server.requests.length, 1);
});

Deno.test("return() sends nothing after the connection was lost", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + firstEvents)
  );
  const stream = watch(server, { maxAttempts: 0 });
  await assert.rejects(soon(Array.fromAsync(stream)), ConnectionLostError);
  await soon(stream.return());
  assert.equal(server.requests.length, 1);
});

Deno.test("return() cancels a run once, however often it is called", async () => {
  const { respond } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer(withDelete(respond));
  const stream = watch(server);
  await soon(stream.next());
  await soon(Promise.all([stream.return(), stream.return()]));
  await soon(stream.return());
  assertOneDelete(server);
});

Deno.test("return() waits for the answer to the cancellation", async () => {
  const { promise: allowed, resolve: allow } = Promise.withResolvers<void>();
  const { respond } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "DELETE") return respond(request, connection);
    await allowed;
    await connection.write(bareAnswer(204));
  });
  const stream = watch(server);
  await soon(stream.next());
  let hasReturned = false;
  const returned = stream.return().then(() => hasReturned = true);
  await server.until(() => server.count("DELETE") === 1);
  assert.equal(hasReturned, false);
  allow();
  await soon(returned);
});

for (
  const [name, refuse] of [
    ["is refused", (_request, connection) => connection.write(bareAnswer(404))],
    ["breaks off", () => {}],
  ] as const satisfies readonly (readonly [string, Respond])[]
) {
  Deno.test(`return() resolves when the cancellation ${name}`, async () => {
    const { respond } = sending(RESUMABLE_HEAD + firstEvents);
    await using server = new RawServer((request, connection) =>
      (request.method === "DELETE" ? refuse : respond)(request, connection)
    );
    const stream = watch(server);
    await soon(stream.next());
    assert.deepEqual(await soon(stream.return()), DONE);
    assertOneDelete(server);
  });
}

Deno.test("return() waits 5 seconds for the answer to the cancellation and no longer", async () => {
  const { respond } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer((request, connection) =>
    request.method === "DELETE" ? connection.left() : respond(request, connection)
  );
  const clock = new ManualClock();
  const stream = watch(server, { clock });
  await soon(stream.next());
  let hasReturned = false;
  const returned = stream.return().then(() => hasReturned = true);
  await server.until(() => server.count("DELETE") === 1);
  await clock.advance(4_999);
  assert.equal(hasReturned, false);
  await clock.advance(1);
  await soon(returned);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("[Symbol.asyncDispose]() leaves the stream", async () => {
  const { respond, left } = sending(RESUMABLE_HEAD + firstEvents);
  await using server = new RawServer(withDelete(respond));
  {
    await using stream = watch(server);
    await soon(stream.next());
  }
  assertOneDelete(server);
  await left;
});

for (const event of ["done", "failure"]) {
  Deno.test(`next() waits 1 second for the end of the body after "${event}" and no longer`, async () => {
    const { respond, left } = sending(RESUMABLE_HEAD + startEvent() + lastEvent(event));
    await using server = new RawServer(respond);
    const clock = new ManualClock();
    let hasEnded = false;
    const ended = watch(server, { clock, silenceMs: Infinity }).next()
      .catch((error) => error)
      .finally(() => hasEnded = true);
    await soon(clock.timersPending());
    await clock.advance(999);
    assert.equal(hasEnded, false);
    await clock.advance(1);
    const result = await soon(ended);
    if (event === "done") assert.deepEqual(result, DONE);
    else assert.ok(result instanceof StreamFailureError);
    await left;
    assert.equal(clock.pendingTimers, 0);
    assert.equal(server.count("DELETE"), 0);
  });
}
