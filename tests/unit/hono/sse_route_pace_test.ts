import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

const Watch = streamRequest("watch").yields<unknown>();

type Watcher = (data: void, context: { readonly signal: AbortSignal }) => AsyncIterable<unknown>;

/** What a route answers whose handler is `handle`, to be read chunk by chunk. */
async function open(handle: Watcher, options?: SseRouteOptions) {
  const http = routes(bootstrap(handlers().on(Watch, handle)), options);
  const { body } = await new Hono().get("/", http.sse(Watch, { safe: true })).request("/");
  assert.ok(body);
  const reader = body.getReader();
  return {
    async read() {
      return new TextDecoder().decode((await reader.read()).value);
    },
    cancel: () => reader.cancel(),
  };
}

/** A handler that yields `count` items and then waits for what never comes; it logs how it ends. */
function waiting(count: number): { readonly steps: readonly string[]; readonly handle: Watcher } {
  const steps: string[] = [];
  return {
    steps,
    async *handle(_data, { signal }) {
      try {
        steps.push("started");
        for (let i = 0; i < count; i++) yield i;
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            steps.push("aborted");
            reject(signal.reason);
          });
        });
      } finally {
        steps.push("ended");
      }
    },
  };
}

/** The names of the events in a chunk. */
function namesIn(chunk: string): string[] {
  return [...chunk.matchAll(/^event: (\w+)$/gm)].map(([, name = ""]) => name);
}

Deno.test("sse() puts events that are ready together into one chunk", async () => {
  // A batch ends after some time, which must not pass on a machine that has other things to do.
  const { read, cancel } = await open(waiting(3).handle, { clock: new ManualClock() });
  assert.deepEqual(namesIn(await read()), ["start", "item", "item", "item"]);
  await cancel();
});

Deno.test("sse() lets events leave at once that are ready alone", async () => {
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const { read, cancel } = await open(async function* () {
    for (const { promise } of gates) yield await promise;
  });
  assert.deepEqual(namesIn(await read()), ["start"]);
  gates[0]?.resolve("one");
  assert.match(await read(), /^event: item\nid: [\w-]+:1\ndata: "one"\n\n$/);
  gates[1]?.resolve("two");
  assert.deepEqual(namesIn(await read()), ["item", "done"]);
  await cancel();
});

Deno.test("sse() starts nothing before the client reads", async () => {
  const { steps, handle } = waiting(0);
  const { cancel } = await open(handle);
  await new ManualClock().advance(0);
  await cancel();
  assert.deepEqual(steps, []);
});

Deno.test("sse() asks for no more than one item beyond what the client has read", async () => {
  let asked = 0;
  const { read, cancel } = await open(async function* () {
    while (true) {
      asked++;
      yield "x".repeat(10_000);
    }
  }, { clock: new ManualClock() });
  for (const items of [1, 2, 3]) {
    assert.ok(namesIn(await read()).includes("item"));
    await new ManualClock().advance(0);
    assert.equal(asked, items + 1);
  }
  await cancel();
});

Deno.test("sse() aborts and ends a handler that waits when the client leaves", async () => {
  const { steps, handle } = waiting(1);
  const { read, cancel } = await open(handle);
  await read();
  await cancel();
  assert.deepEqual(steps, ["started", "aborted", "ended"]);
});

Deno.test("sse() aborts and ends a handler when the client leaves while it reads", async () => {
  const { steps, handle } = waiting(0);
  const { read, cancel } = await open(handle);
  assert.deepEqual(namesIn(await read()), ["start"]);
  const pending = read();
  await cancel();
  assert.equal(await pending, "");
  assert.deepEqual(steps, ["started", "aborted", "ended"]);
});

Deno.test("sse() ends a handler that stands at an item when the client leaves", async () => {
  const steps: string[] = [];
  const { read, cancel } = await open(async function* (_data, { signal }) {
    try {
      while (true) yield "x".repeat(20_000);
    } finally {
      steps.push(`aborted: ${signal.aborted}`);
    }
  });
  await read();
  await cancel();
  assert.deepEqual(steps, ["aborted: true"]);
});

Deno.test("sse() tells onError of what fails when the client has left", async () => {
  const told: unknown[] = [];
  const error = new Error("Cannot close");
  const { read, cancel } = await open(async function* () {
    try {
      while (true) yield "x".repeat(20_000);
    } finally {
      await Promise.reject(error);
    }
  }, { onError: (error) => void told.push(error) });
  await read();
  await cancel();
  assert.deepEqual(told, [error]);
});

Deno.test("sse() keeps a silent connection alive, by default every 15 s", async () => {
  const clock = new ManualClock();
  const { read, cancel } = await open(waiting(0).handle, { clock });
  assert.deepEqual(namesIn(await read()), ["start"]);
  for (let beats = 0; beats < 2; beats++) {
    const beat = read();
    await clock.timersPending();
    await clock.advance(15_000);
    assert.equal(await beat, ": keep-alive\n\n");
  }
  await cancel();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("sse() keeps a silent connection alive as often as the options say", async () => {
  const clock = new ManualClock();
  const { read, cancel } = await open(waiting(0).handle, { clock, heartbeatMs: 20 });
  await read();
  const beat = read();
  await clock.timersPending();
  await clock.advance(20);
  assert.equal(await beat, ": keep-alive\n\n");
  await cancel();
});
