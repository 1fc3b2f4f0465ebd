import assert from "node:assert/strict";
import { streamItems } from "../../../src/client/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { after, brokenOff, events, giveRest, items } from "./broken_run.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import { RESUMABLE_HEAD, Watch } from "./support.ts";

const options = { backoff: () => 0 };

Deno.test("streamItems() resumes when nothing has come for silenceMs", async () => {
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "POST") return giveRest(request, connection);
    await connection.write(RESUMABLE_HEAD + events.slice(0, 2).join(""));
    await connection.left();
  });
  const clock = new ManualClock();
  const stream = streamItems(server.url, Watch({}), { ...options, clock });
  assert.deepEqual(await soon(stream.next()), { done: false, value: "one" });
  const rest = Array.fromAsync(stream);
  await clock.advance(44_999);
  assert.equal(server.count("GET"), 0);
  await clock.advance(1);
  await server.until(() => server.count("GET") === 1);
  assert.deepEqual(await soon(rest), ["two", "three"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("streamItems() counts the silence from the last byte, whatever it is part of", async () => {
  const clock = new ManualClock();
  const { promise: beating, resolve: beat } = Promise.withResolvers<void>();
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "POST") return giveRest(request, connection);
    await connection.write(RESUMABLE_HEAD + events.slice(0, 2).join(""));
    await beating;
    await connection.write(`:\n`);
    await connection.left();
  });
  const arrived = Promise.withResolvers<void>();
  const stream = streamItems(server.url, Watch({}), {
    ...options,
    clock,
    silenceMs: 1_000,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      const body = response.body?.pipeThrough(
        new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
          transform(chunk, controller) {
            controller.enqueue(chunk);
            if (chunk.length === 2) arrived.resolve();
          },
        }),
      );
      return new Response(body, response);
    },
  });
  await soon(stream.next());
  const rest = Array.fromAsync(stream);
  await clock.advance(600);
  beat();
  await soon(arrived.promise);
  await clock.advance(999);
  assert.equal(server.count("GET"), 0);
  await clock.advance(1);
  await server.until(() => server.count("GET") === 1);
  assert.deepEqual(await soon(rest), ["two", "three"]);
});

Deno.test("streamItems() does not count the time in which its reader is busy as silence", async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using server = new RawServer(async (request, connection) => {
    if (request.method !== "POST") return giveRest(request, connection);
    await connection.write(RESUMABLE_HEAD + events.slice(0, 2).join(""));
    await asked;
    await connection.write(events.slice(2).join(""));
  });
  const clock = new ManualClock();
  const stream = streamItems(server.url, Watch({}), { ...options, clock, silenceMs: 1_000 });
  await soon(stream.next());
  await clock.advance(100_000);
  const rest = Array.fromAsync(stream);
  await clock.advance(999);
  ask();
  assert.deepEqual(await soon(rest), ["two", "three"]);
  assert.equal(server.count("GET"), 0);
});

Deno.test("streamItems() tries again when a resume is not answered for silenceMs", async () => {
  const ignore: Respond = (_request, connection) => connection.left();
  await using server = new RawServer(brokenOff(2, after(ignore)));
  const clock = new ManualClock();
  const { promise: cut, resolve: onCut } = Promise.withResolvers<void>();
  const received = Array.fromAsync(
    streamItems(server.url, Watch({}), {
      ...options,
      clock,
      silenceMs: 2_000,
      onStateChange: ({ state }) => state === "reconnecting" && onCut(),
    }),
  );
  await soon(cut);
  await clock.advance(0);
  await server.until(() => server.count("GET") === 1);
  await clock.advance(2_000);
  await server.until(() => server.count("GET") === 2);
  assert.deepEqual(await soon(received), items);
});
