import assert from "node:assert/strict";
import { type RequestOptions, UnexpectedResponseError } from "../../../src/client/mod.ts";
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

/** Where a run is whose answer comes from `answerUrl`. */
function locate(reference: string, answerUrl: string): string {
  return new RequestSender(url, Watch({}), {}).locate(reference, answerUrl);
}

Deno.test("locate() keeps the parameters of the answer's URL that the run's URL lacks", () => {
  assert.equal(locate("?run=r", `${url}?tenant=t1#a`), `${url}?run=r&tenant=t1`);
  assert.equal(locate("/runs/r", `${url}?tenant=t1`), "https://a.example/runs/r?tenant=t1");
});

Deno.test("locate() keeps all values of a parameter", () => {
  assert.equal(locate("?run=r", `${url}?tag=a&tag=b`), `${url}?run=r&tag=a&tag=b`);
});

Deno.test("locate() leaves a parameter that the run's URL has", () => {
  assert.equal(locate("?run=r&tenant=t2", `${url}?tenant=t1`), `${url}?run=r&tenant=t2`);
});

Deno.test("locate() refuses a run on another origin than the answer", () => {
  for (const other of ["https://b.example/", "http://a.example/", "//a.example:444/", "data:,a"]) {
    assert.throws(() => locate(other, url), UnexpectedResponseError, other);
  }
  assert.equal(locate("?run=r", "https://b.example/"), "https://b.example/?run=r");
});

Deno.test("locate() refuses what is no URL", () => {
  assert.throws(() => locate("http://[", url), UnexpectedResponseError);
});

Deno.test("RequestSender refuses a header that is not valid at once", () => {
  const headers = { "not valid": "" };
  assert.throws(() => new RequestSender(url, Watch({}), { headers }), TypeError);
  assert.throws(() => new RequestSender(url, Watch({}, { correlationId: "a\nb" }), {}), TypeError);
});
