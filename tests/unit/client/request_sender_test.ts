import assert from "node:assert/strict";
import type { RequestOptions } from "../../../src/client/mod.ts";
import { RequestSender } from "../../../src/client/request_sender.ts";
import { Watch } from "./support.ts";

const url = "https://a.example/watch";

/** The headers of a request to `target` that is made for a message to {@linkcode url}. */
async function headersFor(
  target: string,
  headers: RequestOptions["headers"],
  lastEventId?: string,
): Promise<Record<string, string>> {
  const sender = new RequestSender(url, Watch({}, { correlationId: "c1" }), { headers });
  const content = { method: "POST", url: target, body: "{}" };
  return Object.fromEntries(await sender.headers(content, "text/event-stream", lastEventId));
}

Deno.test("headers() gives those of the client and of the message", async () => {
  assert.deepEqual(await headersFor(url, undefined), {
    accept: "text/event-stream",
    "content-type": "application/json",
    "x-correlation-id": "c1",
  });
});

Deno.test("headers() gives those of the user, which win", async () => {
  const headers = { accept: "a/b", "X-Correlation-Id": "c2", authorization: "Bearer t" };
  assert.deepEqual(await headersFor(url, headers), {
    accept: "a/b",
    authorization: "Bearer t",
    "content-type": "application/json",
    "x-correlation-id": "c2",
  });
});

for (
  const [name, headers] of [
    ["Headers", new Headers({ a: "b" })],
    ["pairs", [["a", "b"]]],
    ["a function", () => ({ a: "b" })],
    ["an async function", () => Promise.resolve(new Headers({ a: "b" }))],
  ] as const satisfies readonly (readonly [string, RequestOptions["headers"]])[]
) {
  Deno.test(`headers() takes ${name}`, async () => {
    assert.equal((await headersFor(url, headers))["a"], "b");
  });
}

Deno.test("headers() keeps those of the user from another origin", async () => {
  const headers = { authorization: "Bearer t" };
  for (const target of ["https://b.example/", "http://a.example/", "https://a.example:444/"]) {
    assert.equal((await headersFor(target, headers))["authorization"], undefined, target);
  }
  assert.equal((await headersFor("https://a.example/else", headers))["authorization"], "Bearer t");
});

Deno.test("headers() does not ask the user for those of a request to another origin", async () => {
  await headersFor("https://b.example/", () => assert.fail("asked"));
});

Deno.test("headers() gives the last event ID that it is told and no other", async () => {
  const headers = { "last-event-id": "r:7" };
  assert.equal((await headersFor(url, headers))["last-event-id"], undefined);
  assert.equal((await headersFor(url, headers, "r:1"))["last-event-id"], "r:1");
});

Deno.test("RequestSender refuses a header that is not valid at once", () => {
  const headers = { "not valid": "" };
  assert.throws(() => new RequestSender(url, Watch({}), { headers }), TypeError);
  assert.throws(() => new RequestSender(url, Watch({}, { correlationId: "a\nb" }), {}), TypeError);
});
