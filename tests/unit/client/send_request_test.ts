import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, type } from "../../../mod.ts";
import {
  ConnectionLostError,
  HttpProblemError,
  sendRequest,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { openServer } from "../hono/saga_support.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { RawServer, soon } from "./raw_server.ts";
import { bareAnswer, Read, recordingFetch, Write } from "./support.ts";

const Forget = command("forget", type<unknown>());

const http = routes(
  bootstrap(handlers().on(Read, (data) => data).on(Write, (data) => data).on(Forget, () => {})),
);
const api = new Hono()
  .get("/read/:id", http.send(Read))
  .all("/write", http.send(Write))
  .delete("/forget", http.send(Forget));

function jsonAnswer(body: string, type = "application/json"): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nconnection: close\r\n\r\n${body}`;
}

Deno.test("sendRequest() sends a query by GET with its data in the query", async () => {
  const result = await sendRequest("/read/r1?a=b", Read({ tag: ["x", "y"], page: "2" }), {
    fetch: api.request,
  });
  assert.deepEqual(result, { id: "r1", a: "b", tag: ["x", "y"], page: "2" });
});

Deno.test("sendRequest() sends data of every type by GET as it is", async () => {
  const data = { page: 2, isLive: false, tag: ["x"], none: [], filter: { name: null } };
  const result = await sendRequest("/read/r1", Read({ ...data, id: "r2" }), { fetch: api.request });
  assert.deepEqual(result, { ...data, id: "r1" });
});

Deno.test("sendRequest() sends data of every type by DELETE as it is", async () => {
  const { fetch, inits } = recordingFetch();
  await using server = new RawServer((_request, connection) => connection.write(bareAnswer(204)));
  await soon(sendRequest(server.url, Forget({ at: 0 }), { method: "DELETE", fetch }));
  const [request] = server.requests;
  const { searchParams } = new URL(request?.target ?? "", server.url);
  assert.deepEqual([...searchParams], [["sluice_data", '{"at":0}']]);
  assert.equal(inits[0]?.body, null);
});

Deno.test("sendRequest() sends a command by POST with its data in the body", async () => {
  const { fetch, inits } = recordingFetch();
  await using server = new RawServer((_request, connection) => connection.write(jsonAnswer("1")));
  assert.equal(await soon(sendRequest(server.url, Write({ page: 2 }), { fetch })), 1);
  const [request] = server.requests;
  assert.equal(request?.method, "POST");
  assert.equal(request.body, '{"page":2}');
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("accept"), "application/json");
  assert.equal(inits.length, 1);
});

for (const method of ["PUT", "PATCH"] as const) {
  Deno.test(`sendRequest() sends a command by ${method}`, async () => {
    const fetch = api.request;
    assert.deepEqual(await sendRequest("/write", Write({ page: 2 }), { method, fetch }), {
      page: 2,
    });
  });
}

Deno.test("sendRequest() sends a command by DELETE, and gives undefined for 204", async () => {
  const options = { method: "DELETE", fetch: api.request } as const;
  assert.equal(await sendRequest("/forget", Forget({ id: "a" }), options), undefined);
});

Deno.test("sendRequest() sends a query by POST where it is told to", async () => {
  await using server = new RawServer((_request, connection) => connection.write(jsonAnswer("[]")));
  const data = { filter: { name: null } };
  await soon(sendRequest(server.url, Read(data), { method: "POST" }));
  assert.equal(server.requests[0]?.body, JSON.stringify(data));
});

Deno.test("sendRequest() makes the result with deserialize", async () => {
  const At = command("at").returns<Date>();
  await using server = new RawServer((_request, connection) => connection.write(jsonAnswer("0")));
  const deserialize = (text: string) => new Date(Number(text));
  assert.deepEqual(await soon(sendRequest(server.url, At(), { deserialize })), new Date(0));
});

Deno.test("sendRequest() sends the trace and the correlation of the message", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await using server = new RawServer((_request, connection) => connection.write(bareAnswer(204)));
  await soon(sendRequest(server.url, Write({}, { traceparent, correlationId: "c1" })));
  assert.equal(server.requests[0]?.headers.get("traceparent"), traceparent);
  assert.equal(server.requests[0]?.headers.get("x-correlation-id"), "c1");
});

Deno.test("sendRequest() rejects with the problem of the server", async () => {
  const Named = command("named", type<{ name: string }>());
  const refusing = new Hono().post("/", (c) =>
    c.json({ status: 409, code: "name_taken" }, 409, {
      "content-type": "application/problem+json",
      "retry-after": "7",
    }));
  await assert.rejects(
    sendRequest("/", Named({ name: "a" }), { fetch: refusing.request }),
    (error) =>
      error instanceof HttpProblemError && error.status === 409 &&
      error.problem.code === "name_taken" && error.retryAfterMs === 7_000,
  );
});

Deno.test("sendRequest() rejects when the connection is lost, and sends nothing again", async () => {
  for (const answer of ["", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"]) {
    await using server = new RawServer((_request, connection) => connection.write(answer));
    await assert.rejects(
      soon(sendRequest(server.url, Read({}))),
      (error) => error instanceof ConnectionLostError && error.cause instanceof Error,
    );
    assert.equal(server.requests.length, 1);
  }
});

Deno.test("sendRequest() rejects when the connection is lost in the middle of the result", async () => {
  const answer =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n[1,";
  await using server = new RawServer((_request, connection) => connection.write(answer));
  await assert.rejects(soon(sendRequest(server.url, Read({}))), ConnectionLostError);
});

for (
  const [name, answer] of [
    ["a page", jsonAnswer("<html>", "text/html")],
    ["no type", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n1"],
    ["no JSON", jsonAnswer("{")],
    ["nothing", jsonAnswer("")],
    ["304", bareAnswer(304)],
  ] as const
) {
  Deno.test(`sendRequest() refuses ${name} as an answer`, async () => {
    await using server = new RawServer((_request, connection) => connection.write(answer));
    await assert.rejects(soon(sendRequest(server.url, Read({}))), UnexpectedResponseError);
  });
}

for (
  const [name, bytes] of [
    ["is not in UTF-8", [0x22, 0xe4, 0x22]],
    ["ends in the middle of a character", [0x31, 0xc3]],
  ] as const
) {
  Deno.test(`sendRequest() refuses a result that ${name}`, async () => {
    await using server = new RawServer(async (_request, connection) => {
      await connection.write(jsonAnswer(""));
      await connection.write(Uint8Array.from(bytes));
    });
    await assert.rejects(soon(sendRequest(server.url, Read({}))), UnexpectedResponseError);
  });
}

Deno.test("sendRequest() reads characters that two chunks share", async () => {
  const bytes = new TextEncoder().encode('"\u{1f30d}"');
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const fetch = () => new Response(body, { headers: { "content-type": "application/json" } });
  assert.equal(await sendRequest("/", Read({}), { fetch }), "\u{1f30d}");
});

Deno.test("sendRequest() takes a result of maxResponseBytes bytes and leaves a larger one", async () => {
  await using server = new RawServer(async (_request, connection) => {
    await connection.write(jsonAnswer('"12"'));
    connection.close();
  });
  assert.equal(await soon(sendRequest(server.url, Read({}), { maxResponseBytes: 4 })), "12");
  await assert.rejects(
    soon(sendRequest(server.url, Read({}), { maxResponseBytes: 3 })),
    UnexpectedResponseError,
  );
});

for (const maxResponseBytes of [0, -1, NaN, 1.5]) {
  Deno.test(`sendRequest() refuses ${maxResponseBytes} as maxResponseBytes`, async () => {
    await assert.rejects(
      sendRequest("http://a.example", Read({}), { maxResponseBytes }),
      RangeError,
    );
  });
}

Deno.test("sendRequest() refuses data that has no form in JSON and sends nothing", async () => {
  const { fetch, inits } = recordingFetch();
  await assert.rejects(sendRequest("/", Write({ a: 1n }), { fetch }), TypeError);
  assert.equal(inits.length, 0);
});

Deno.test("sendRequest() sends nothing when it has been aborted before", async () => {
  const { fetch, inits } = recordingFetch();
  const reason = new Error("No longer needed");
  await assert.rejects(
    sendRequest("/", Read({}), { fetch, signal: AbortSignal.abort(reason) }),
    reason,
  );
  assert.equal(inits.length, 0);
});

for (
  const [waitsFor, answer] of [
    ["an answer", ""],
    ["a result", jsonAnswer("[1,")],
    ["what the server says of an error", "HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n{"],
  ] as const
) {
  Deno.test(`sendRequest() rejects at once when it is aborted while it waits for ${waitsFor}`, async () => {
    const { promise: left, resolve: onLeft } = Promise.withResolvers<void>();
    await using server = new RawServer(async (_request, connection) => {
      await connection.write(answer);
      await connection.left();
      onLeft();
    });
    const controller = new AbortController();
    const { signal, listeners } = countingSignal(controller.signal);
    const { fetch, settled } = recordingFetch();
    const reason = new Error("No longer needed");
    const aborted = assert.rejects(sendRequest(server.url, Read({}), { signal, fetch }), reason);
    await server.until(() => server.requests.length === 1);
    if (answer !== "") await soon(settled());
    controller.abort(reason);
    await soon(Promise.all([aborted, left]));
    assert.equal(listeners(), 0);
  });
}

Deno.test("sendRequest() rejects at once when it is aborted while it waits for headers", async () => {
  const controller = new AbortController();
  const { fetch, inits } = recordingFetch();
  const headers = () => new Promise<never>(() => {});
  const reason = new Error("No longer needed");
  const { signal } = controller;
  const aborted = assert.rejects(sendRequest("/", Read({}), { signal, headers, fetch }), reason);
  controller.abort(reason);
  await soon(aborted);
  assert.equal(inits.length, 0);
});

Deno.test("sendRequest() leaves no listener on its signal", async () => {
  const { signal, listeners } = countingSignal(new AbortController().signal);
  await sendRequest("/write", Write({}), { signal, fetch: api.request });
  assert.equal(listeners(), 0);
});

Deno.test("sendRequest() runs a saga and gives its outcome, and its problem where it is undone", async () => {
  const { api, Order, log } = openServer();
  const outcome = await sendRequest("/sent", Order({ item: "lamp" }), { fetch: api.request });
  assert.equal(outcome.context.cents, 5);
  assert.equal(log[1], `${outcome.id}/charge`);
  const broken = openServer({
    hook(step) {
      if (step === "charge") throw new Error("secret");
    },
  });
  const sent = sendRequest("/sent", Order({ item: "lamp" }), { fetch: broken.api.request });
  await assert.rejects(sent, (error) =>
    error instanceof HttpProblemError && error.status === 409 &&
    error.problem?.code === "saga_failed");
});
