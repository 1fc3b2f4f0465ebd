// deno-lint-ignore-file no-console -- the figures are for the reader of the test's output
import assert from "node:assert/strict";
import { Hono } from "hono";
import { fileURLToPath } from "node:url";
import { bootstrap, handlers, streamRequest } from "../../mod.ts";
import { routes, type SseRouteOptions } from "../../src/hono/mod.ts";
import { memoryReplayLog, parseSse } from "../../src/stream/mod.ts";
import { Output } from "../examples/demo_process.ts";
import type { ServerState } from "./stream_cost/server.ts";

const KIB = 1024;

/** Starts the server in a process of its own. */
async function startServer() {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      "--v8-flags=--expose-gc",
      fileURLToPath(new URL("stream_cost/server.ts", import.meta.url)),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Output(child.stdout);
  const stderr = new Output(child.stderr);
  const port = Number((await stdout.until(/port (\d+)/))[1]);
  return {
    port,
    /** Starts a run on a connection of its own, and reads the beginning of its answer. */
    async open(path: string, readsUntil: string): Promise<Deno.TcpConn> {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head));
      const buffer = new Uint8Array(4_096);
      for (let text = ""; !text.includes(readsUntil);) {
        const byteCount = await connection.read(buffer);
        assert.ok(byteCount !== null, text);
        text += new TextDecoder().decode(buffer.subarray(0, byteCount));
      }
      return connection;
    },
    async state(): Promise<ServerState> {
      return await (await fetch(`http://127.0.0.1:${port}/state`)).json();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await Promise.all([child.status, stdout.ended, stderr.ended]);
    },
  };
}

/** What each of 1,000 streams that are idle takes, in KiB: of the process, and of its heap. */
async function measureIdle(path: string): Promise<{ rss: number; heap: number }> {
  await using server = await startServer();
  const connections: Deno.TcpConn[] = [];
  const open = async (count: number) => {
    for (let i = 0; i < count; i++) connections.push(await server.open(path, '"one"\n\n'));
  };
  await open(500); // so that what is compiled and reserved once does not count
  const before = await server.state();
  await open(1_000);
  const after = await server.state();
  for (const connection of connections) connection.close();
  return {
    rss: (after.rssBytes - before.rssBytes) / 1_000 / KIB,
    heap: (after.heapBytes - before.heapBytes) / 1_000 / KIB,
  };
}

Deno.test("1,000 resumable streams that are idle add at most 64 KiB each to what connections take", async () => {
  const bare = await measureIdle("/bare");
  const ours = await measureIdle("/idle");
  console.log(
    `An idle stream: ${ours.rss.toFixed(1)} KiB resident, ${ours.heap.toFixed(1)} KiB of heap; ` +
      `one written by hand: ${bare.rss.toFixed(1)} KiB and ${bare.heap.toFixed(1)} KiB`,
  );
  assert.ok(ours.heap <= 64, `${ours.heap} KiB of heap`);
  assert.ok(ours.rss - bare.rss <= 64, `${ours.rss - bare.rss} KiB`);
});

Deno.test("a client that never reads costs at most what its run may hold", async () => {
  await using server = await startServer();
  const warm = await server.open("/idle", '"one"\n\n');
  const before = await server.state();
  const connection = await server.open("/flood", "event: start");
  let after = await server.state();
  for (let quiet = 0; quiet < 20;) {
    const { yielded } = after;
    after = await server.state();
    quiet = after.yielded === yielded ? quiet + 1 : 0;
  }
  const heap = (after.heapBytes - before.heapBytes) / KIB;
  console.log(`A client that never reads: ${heap.toFixed(0)} KiB after ${after.yielded} items`);
  assert.ok(after.yielded > 1_000); // more than the run may hold, so that it had to let go
  assert.ok(heap <= 1_024 + 64, `${heap} KiB`);
  connection.close();
  warm.close();
});

Deno.test("a replay log keeps nothing of runs that are gone, and of events that made room", async () => {
  await using server = await startServer();
  const before = await server.state();
  await (await server.open("/churn", "done")).close();
  const heap = ((await server.state()).heapBytes - before.heapBytes) / KIB;
  console.log(`After 200,000 runs and 1,000,000 events: ${heap.toFixed(0)} KiB`);
  assert.ok(heap <= 3 * KIB, `${heap} KiB`);
});

/** How long it takes from the client's close until the handler's signal aborts, in milliseconds. */
async function measureCancel(
  options: SseRouteOptions,
  close: (url: string, location: string | null, leave: () => void) => Promise<unknown> | void,
): Promise<number[]> {
  const Watch = streamRequest("watch").yields<string>();
  let aborted = Promise.withResolvers<number>();
  const app = bootstrap(
    handlers().on(Watch, async function* (_data, { signal }) {
      yield "one";
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted.resolve(performance.now());
          reject(signal.reason);
        });
      });
    }),
  );
  const api = new Hono().all("/", routes(app, options).sse(Watch));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const times: number[] = [];
  for (let round = 0; round < 50; round++) {
    aborted = Promise.withResolvers();
    const leaving = new AbortController();
    const response = await fetch(url, { method: "POST", signal: leaving.signal });
    assert.ok(response.body);
    const events = parseSse(response.body);
    while ((await events.next()).value?.event !== "item");
    const startMs = performance.now();
    const closed = close(url, response.headers.get("location"), () => leaving.abort());
    times.push(await aborted.promise - startMs);
    await closed;
    leaving.abort();
    await events.return?.().catch(() => {});
  }
  await server.shutdown();
  return times.sort((a, b) => a - b);
}

function report(what: string, times: readonly number[]): void {
  const [median = Infinity, most = Infinity] = [times[times.length >> 1], times.at(-1)];
  console.log(`${what}: median ${median.toFixed(2)} ms, at most ${most.toFixed(2)} ms`);
  assert.ok(median <= 10, `${median} ms`);
}

Deno.test("a client that closes its connection reaches the handler within 10 ms", async () => {
  report("Close to abort", await measureCancel({}, (_url, _location, leave) => leave()));
});

Deno.test("a client that cancels a resumable run reaches the handler within 10 ms", async () => {
  const times = await measureCancel(
    { replay: memoryReplayLog() },
    async (url, location) => {
      const response = await fetch(new URL(location ?? "", url), { method: "DELETE" });
      assert.equal(response.status, 204);
    },
  );
  report("DELETE to abort", times);
});
