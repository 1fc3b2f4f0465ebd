import { Hono } from "hono";
import assert from "node:assert/strict";
import { tickRoute } from "../../src/hono/mod.ts";

const SECRET = "0123456789abcdef";
const headers = { authorization: `Bearer ${SECRET}` };

interface Call {
  readonly signal?: AbortSignal | undefined;
}

/** A server whose route `/tick` runs ticks of a job that `work` does. */
function serve(work: (call: Call) => Promise<void>) {
  const told: unknown[] = [];
  const job = {
    async tick(call: Call) {
      await work(call);
      return { hasMore: false };
    },
  };
  const onError = (error: unknown) => void told.push(error);
  const api = new Hono().post("/tick", tickRoute(job, { secret: SECRET, onError }));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  return {
    told,
    url: `http://127.0.0.1:${server.addr.port}/tick`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("tickRoute() aborts a tick whose client leaves, and runs the next one", async () => {
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<unknown>();
  let ticks = 0;
  await using server = serve(async ({ signal }) => {
    if (++ticks > 1) return;
    started.resolve();
    await new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    }).catch((error) => {
      ended.resolve(error.name);
      throw error;
    });
  });
  const leaving = new AbortController();
  const asked = fetch(server.url, { method: "POST", headers, signal: leaving.signal });
  const left = assert.rejects(asked, { name: "AbortError" });
  await started.promise;
  leaving.abort();
  await left;
  assert.equal(await ended.promise, "AbortError");
  const response = await fetch(server.url, { method: "POST", headers });
  assert.deepEqual(await response.json(), { hasMore: false });
  assert.deepEqual(server.told, []);
});

Deno.test("tickRoute() does not abort a tick that has ended, although Deno aborts its request", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  await using server = serve(({ signal }) => {
    signals.push(signal);
    return Promise.resolve();
  });
  for (let requests = 0; requests < 3; requests++) {
    const response = await fetch(server.url, { method: "POST", headers });
    assert.deepEqual(await response.json(), { hasMore: false });
  }
  assert.deepEqual(signals.map((signal) => signal?.aborted), [false, false, false]);
});
