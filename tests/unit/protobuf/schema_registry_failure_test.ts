import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import {
  schemaRegistry,
  SchemaRegistryError,
  type SchemaRegistryOptions,
} from "../../../src/protobuf/mod.ts";
import { problem, RegistryServer } from "./registry_server.ts";

const order = { schemaType: "PROTOBUF", schema: 'syntax = "proto3";', references: [] };

function prepared(options: Partial<SchemaRegistryOptions> = {}) {
  const server = new RegistryServer();
  const clock = new ManualClock();
  const client = schemaRegistry({
    url: "http://registry.test",
    fetch: server.fetch,
    clock,
    retry: { maxAttempts: 1 },
    ...options,
  });
  return { client, clock, server };
}

async function errorOf(answer: Promise<unknown>): Promise<SchemaRegistryError> {
  const error = await answer.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof SchemaRegistryError);
  return error;
}

/** Lets time pass until an answer is there. */
async function settled<T>(clock: ManualClock, answer: Promise<T>): Promise<T> {
  let isPending = true;
  const done = answer.finally(() => isPending = false);
  while (isPending) await clock.advance(50);
  return await done;
}

Deno.test("schemaRegistry() throws what the registry says, with its status and code", async () => {
  const { client, server } = prepared();
  const unknownId = await errorOf(client.schemaById(7));
  assert.equal(
    unknownId.message,
    "Cannot find the schema 7 as the schema registry answers with the status 404 and the code 40403",
  );
  assert.deepEqual(
    [unknownId.status, unknownId.errorCode, unknownId.detail, unknownId.isTransient],
    [404, 40403, "Schema 7 not found", false],
  );
  assert.equal((await errorOf(client.lookUp("orders", order))).errorCode, 40401);
  server.add("orders", { schema: '"string"' });
  assert.equal((await errorOf(client.lookUp("orders", order))).errorCode, 40403);
  server.closed.add("orders");
  assert.equal((await errorOf(client.register("orders", order))).status, 409);
  const broken = await errorOf(client.register("orders", { ...order, schema: "message?" }));
  assert.deepEqual([broken.status, broken.errorCode], [422, 42201]);
  server.authorization = "Bearer t1";
  assert.equal((await errorOf(client.register("orders", order))).status, 401);
});

Deno.test("schemaRegistry() throws a typed error for answers that are no registry's", async () => {
  const answers = [
    () => new Response("<html>Sign in</html>", { status: 200 }),
    () => Response.json([]),
    () => Response.json({ id: "1" }),
    () => Response.json({ id: 1.5 }),
    () => Response.json({ id: -1 }),
  ];
  for (const answer of answers) {
    const { client, server } = prepared();
    server.instead.push(answer);
    const { status, detail } = await errorOf(client.register("orders", order));
    assert.equal(status, 200);
    assert.equal(detail, "The answer is not what a schema registry sends");
  }
  const { client, server } = prepared();
  server.instead.push(() => Response.json({ schema: 1 }), () => Response.json({ id: 1 }));
  server.instead.push(() => Response.json({ schema: "", references: [{ name: "a" }] }));
  await errorOf(client.schemaById(1));
  await errorOf(client.lookUp("orders", order));
  await errorOf(client.schemaById(1));
});

Deno.test("schemaRegistry() throws a typed error for an error that is not the registry's", async () => {
  const { client, server } = prepared();
  server.instead.push(() => new Response("<html>", { status: 502 }));
  const { status, errorCode, detail, isTransient } = await errorOf(client.schemaById(1));
  assert.deepEqual([status, errorCode, detail, isTransient], [502, undefined, undefined, true]);
});

Deno.test("schemaRegistry() follows no redirect, which would take its headers along", async () => {
  const paths: string[] = [];
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    paths.push(new URL(url).pathname);
    return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
  });
  const client = schemaRegistry({ url: `http://127.0.0.1:${http.addr.port}` });
  const { status, isTransient } = await errorOf(client.schemaById(1));
  assert.deepEqual([status, isTransient], [302, false]);
  assert.deepEqual(paths, ["/schemas/ids/1"]);
  await http.shutdown();
});

Deno.test("schemaRegistry() throws a typed error when nothing answers", async () => {
  const cause = new TypeError("Connection refused");
  const { client } = prepared({ fetch: () => Promise.reject(cause) });
  const error = await errorOf(client.schemaById(1));
  assert.equal(error.message, "Cannot find the schema 1 as the schema registry does not answer");
  assert.deepEqual([error.status, error.cause, error.isTransient], [undefined, cause, true]);
});

Deno.test("schemaRegistry() gives a request up after its time limit, and aborts it", async () => {
  let aborted: unknown;
  const { client, clock } = prepared({
    timeoutMs: 2_000,
    fetch: (_url, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          aborted = signal.reason;
          reject(signal.reason);
        });
      }),
  });
  const failed = errorOf(client.schemaById(1));
  await clock.advance(1_999);
  assert.equal(aborted, undefined);
  await clock.advance(1);
  const { cause, status, isTransient } = await failed;
  assert.ok(cause instanceof DOMException && cause.name === "TimeoutError");
  assert.equal(aborted, cause);
  assert.deepEqual([status, isTransient], [undefined, true]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("schemaRegistry() limits the time of the body too", async () => {
  const { client, clock } = prepared({
    fetch: (_url, { signal }) =>
      new Response(
        new ReadableStream({
          start: (controller) =>
            signal?.addEventListener("abort", () => controller.error(signal.reason)),
        }),
      ),
  });
  const failed = errorOf(client.schemaById(1));
  await clock.timersPending();
  await clock.advance(10_000);
  assert.equal((await failed).isTransient, true);
});

Deno.test("schemaRegistry() repeats what may succeed later, and nothing else", async () => {
  const { client, clock, server } = prepared({
    retry: { maxAttempts: 3, backoff: { initialDelayMs: 100, jitter: "none" } },
  });
  server.add("orders", order);
  server.instead.push(
    () => problem(500, 50001, "Error in the backend data store"),
    () => Promise.reject(new TypeError("Connection reset")),
  );
  assert.deepEqual(await settled(clock, client.schemaById(1)), order);
  assert.equal(server.seen.length, 3);
  await errorOf(client.schemaById(2));
  assert.equal(server.seen.length, 4);
});

Deno.test("schemaRegistry() makes 3 attempts unless it is told otherwise", async () => {
  const { client, clock, server } = prepared({ retry: undefined });
  for (let time = 1; time <= 3; time++) {
    server.instead.push(() => problem(429, 429, "Too many requests"));
  }
  assert.equal((await settled(clock, errorOf(client.schemaById(1)))).status, 429);
  assert.equal(server.seen.length, 3);
});

Deno.test("schemaRegistry() lets one caller go when its signal aborts, and answers the others", async () => {
  const { client, server } = prepared();
  server.add("orders", order);
  const { promise, resolve } = Promise.withResolvers<Response>();
  server.instead.push(() => promise);
  const leaving = new AbortController();
  const left = client.schemaById(1, { signal: leaving.signal });
  const answered = client.schemaById(1);
  const reason = new Error("Enough");
  leaving.abort(reason);
  await assert.rejects(left, reason);
  resolve(Response.json(order));
  assert.deepEqual(await answered, order);
  assert.equal(server.seen.length, 1);
});

Deno.test("schemaRegistry() asks nothing for a caller whose signal has aborted", async () => {
  const { client, server } = prepared();
  const reason = new Error("Enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(client.register("orders", order, { signal }), reason);
  await assert.rejects(client.lookUp("orders", order, { signal }), reason);
  assert.equal(server.seen.length, 0);
});
