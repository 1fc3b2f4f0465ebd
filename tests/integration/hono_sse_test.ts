import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, streamRequest, type } from "../../mod.ts";
import { routes, type SseRouteOptions } from "../../src/hono/mod.ts";
import { parseSse } from "../../src/stream/mod.ts";
import { ManualClock } from "../../src/testing/mod.ts";

const Watch = streamRequest("watch").yields<unknown>();
const Store = command("store", type<unknown>());

type Watcher = (data: void, context: { readonly signal: AbortSignal }) => AsyncIterable<unknown>;

/** A server whose route `/watch` streams what `handle` yields; `/ping` answers at once. */
function serve(handle: Watcher, options?: SseRouteOptions) {
  const told: unknown[] = [];
  const http = routes(
    bootstrap(handlers().on(Watch, handle).on(Store, () => {})),
    { onError: (error) => void told.push(error), ...options },
  );
  const api = new Hono()
    .get("/watch", http.sse(Watch, { safe: true }))
    .post("/store", http.send(Store))
    .get("/ping", (c) => c.text("pong"));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  const { port } = server.addr;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    told,
    connect: () => Deno.connect({ hostname: "127.0.0.1", port }),
    /** Sends another request and waits for its answer, so that what the server was about to do is done. */
    async ping() {
      const response = await fetch(`${url}/ping`);
      assert.equal(await response.text(), "pong");
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Waits for what must happen soon, so that a test fails rather than hangs. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("Nothing has happened for 10 s")), 10_000);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends the head of a request. */
async function writeHead(connection: Deno.Conn, ...lines: readonly string[]): Promise<void> {
  await connection.write(
    new TextEncoder().encode(`${[...lines, "host: localhost"].join("\r\n")}\r\n\r\n`),
  );
}

/** Reads until the text has `end` in it. */
async function readUntil(connection: Deno.Conn, end: string): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (!text.includes(end)) {
    const byteCount = await soon(connection.read(buffer));
    if (byteCount === null) throw new Error(`The connection ended before "${end}": ${text}`);
    text += new TextDecoder().decode(buffer.subarray(0, byteCount));
  }
  return text;
}

/** A handler that yields `items` and then waits for what never comes; it logs how it ends. */
function waiting(...items: readonly unknown[]) {
  const steps: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  return {
    steps,
    ended,
    async *handle(_data: void, { signal }: { readonly signal: AbortSignal }) {
      try {
        yield* items;
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            steps.push("aborted");
            reject(signal.reason);
          });
        });
      } finally {
        steps.push("ended");
        resolve();
      }
    },
  };
}

Deno.test("sse() streams over HTTP, with many events in one chunk", async () => {
  await using server = serve(async function* () {
    for (let i = 0; i < 10_000; i++) yield { i };
  });
  const response = await fetch(`${server.url}/watch`);
  assert.ok(response.body);
  let chunks = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        chunks++;
        controller.enqueue(chunk);
      },
    }),
  );
  const names = new Map<string, number>();
  for await (const { event } of parseSse(counted)) names.set(event, (names.get(event) ?? 0) + 1);
  assert.deepEqual([...names], [["start", 1], ["item", 10_000], ["done", 1]]);
  assert.ok(chunks < 1_000, `${chunks} chunks`);
});

Deno.test("sse() aborts and ends a handler that waits when the connection closes", async () => {
  const { handle, steps, ended } = waiting("one");
  await using server = serve(handle);
  const connection = await server.connect();
  await writeHead(connection, "GET /watch HTTP/1.1");
  await readUntil(connection, 'data: "one"\n');
  assert.deepEqual(steps, []);
  connection.close();
  await soon(ended);
  assert.deepEqual(steps, ["aborted", "ended"]);
  assert.deepEqual(server.told, []);
});

Deno.test("sse() aborts and ends a handler that waits when the fetch is aborted", async () => {
  const { handle, steps, ended } = waiting("one");
  await using server = serve(handle);
  const leaving = new AbortController();
  const response = await fetch(`${server.url}/watch`, { signal: leaving.signal });
  const reading = assert.rejects(response.text(), { name: "AbortError" });
  leaving.abort();
  await soon(Promise.all([ended, reading]));
  assert.deepEqual(steps, ["aborted", "ended"]);
});

Deno.test("sse() aborts and ends a handler that has yielded nothing when the client leaves", async () => {
  const { handle, steps, ended } = waiting();
  await using server = serve(handle);
  const connection = await server.connect();
  await writeHead(connection, "GET /watch HTTP/1.1");
  await readUntil(connection, "event: start\n");
  connection.close();
  await soon(ended);
  assert.deepEqual(steps, ["aborted", "ended"]);
});

Deno.test("sse() ends a handler that never waits when the client leaves", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<boolean>();
  await using server = serve(async function* (_data, { signal }) {
    try {
      while (true) yield "x".repeat(1_000);
    } finally {
      resolve(signal.aborted);
    }
  });
  const connection = await server.connect();
  await writeHead(connection, "GET /watch HTTP/1.1");
  await readUntil(connection, "event: item\n");
  connection.close();
  assert.equal(await soon(ended), true);
});

Deno.test("sse() leaves nothing running for a client that leaves without reading", async () => {
  let running = 0;
  await using server = serve(async function* () {
    running++;
    try {
      while (true) yield "x".repeat(1_000);
    } finally {
      running--;
    }
  });
  for (let clients = 0; clients < 20; clients++) {
    const connection = await server.connect();
    await writeHead(connection, "GET /watch HTTP/1.1");
    connection.close();
  }
  for (let quiet = 0; quiet < 20; quiet = running === 0 ? quiet + 1 : 0) await server.ping();
});

Deno.test("sse() answers HEAD and leaves nothing running", async () => {
  const { handle, steps } = waiting("one");
  const clock = new ManualClock();
  await using server = serve(handle, { clock });
  const response = await fetch(`${server.url}/watch`, { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(await response.text(), "");
  await server.ping();
  assert.deepEqual([steps, clock.pendingTimers], [[], 0]);
});

Deno.test("sse() stops a handler whose client does not read", async () => {
  let yielded = 0;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  await using server = serve(async function* () {
    try {
      while (true) {
        yielded++;
        yield "x".repeat(65_536);
      }
    } finally {
      resolve();
    }
  });
  const connection = await server.connect();
  await writeHead(connection, "GET /watch HTTP/1.1");
  // What the kernel buffers for one connection is some MiB.
  const most = 1_000;
  for (let before = -1; before !== yielded || yielded === 0;) {
    before = yielded;
    for (let pings = 0; pings < 20; pings++) await server.ping();
    assert.ok(yielded < most, `${yielded} items`);
  }
  connection.close();
  await soon(ended);
});

Deno.test("sse() sends heartbeats while the handler waits", async () => {
  const clock = new ManualClock();
  const { handle, ended } = waiting("one");
  await using server = serve(handle, { clock });
  const connection = await server.connect();
  await writeHead(connection, "GET /watch HTTP/1.1");
  await readUntil(connection, 'data: "one"\n\n');
  await clock.timersPending();
  await clock.advance(15_000);
  assert.match(await readUntil(connection, "keep-alive"), /: keep-alive/);
  connection.close();
  await soon(ended);
});

Deno.test("send() answers 413 to a client that would go on sending", async () => {
  await using server = serve(waiting().handle, { maxBodyBytes: 1_000 });
  const connection = await server.connect();
  await writeHead(
    connection,
    "POST /store HTTP/1.1",
    "content-type: application/json",
    "transfer-encoding: chunked",
  );
  await connection.write(new TextEncoder().encode(`800\r\n${"1".repeat(0x800)}\r\n`));
  const answer = await readUntil(connection, "body_too_large");
  assert.match(answer, /^HTTP\/1\.1 413 /);
  connection.close();
});

Deno.test("send() outlives a client that leaves in the middle of its body", async () => {
  await using server = serve(waiting().handle);
  for (let clients = 0; clients < 5; clients++) {
    const connection = await server.connect();
    await writeHead(
      connection,
      "POST /store HTTP/1.1",
      "content-type: application/json",
      "content-length: 100",
    );
    await connection.write(new TextEncoder().encode('{"a":'));
    connection.close();
  }
  await server.ping();
  assert.deepEqual(server.told, []);
});
