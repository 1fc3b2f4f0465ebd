import assert from "node:assert/strict";
import { sendRequest, streamItems, UnexpectedResponseError } from "../../../src/client/mod.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  eventsOf,
  Read,
  RESUMABLE_HEAD,
  RUN_URL,
  STREAM_HEAD,
  Watch,
  Write,
} from "./support.ts";

const KEY = { "x-api-key": "secret" };

const answerNothing: Respond = (_request, connection) => connection.write(bareAnswer(204));

/** A server that redirects every request to `target`. */
function redirecting(target: string, status = 307): RawServer {
  const answer = bareAnswer(status, `location: ${target}\r\n`);
  return new RawServer((_request, connection) => connection.write(answer));
}

function assertRedirect(error: unknown): true {
  assert.ok(error instanceof UnexpectedResponseError, String(error));
  assert.equal(
    error.finding,
    "it is a redirect, which is not followed where `headers` are given",
  );
  return true;
}

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`sendRequest() does not follow a redirect by ${status} where headers are given`, async () => {
    await using other = new RawServer(answerNothing);
    await using server = redirecting(other.url, status);
    for (const headers of [KEY, () => KEY]) {
      for (const request of [Read({}), Write({})]) {
        await assert.rejects(soon(sendRequest(server.url, request, { headers })), assertRedirect);
      }
    }
    assert.equal(other.requests.length, 0);
  });
}

Deno.test("sendRequest() refuses a redirect that a browser hides", async () => {
  const response = Object.defineProperties(new Response(), {
    type: { value: "opaqueredirect" },
    status: { value: 0 },
  });
  const fetch = () => response;
  await assert.rejects(sendRequest("/", Read({}), { fetch, headers: KEY }), assertRedirect);
});

Deno.test("sendRequest() follows a redirect where no headers are given", async () => {
  await using other = new RawServer(answerNothing);
  await using server = redirecting(other.url);
  assert.equal(await soon(sendRequest(server.url, Write({ a: 1 }))), undefined);
  assert.equal(other.requests[0]?.body, '{"a":1}');
});

Deno.test("streamItems() does not follow a redirect of a start where headers are given", async () => {
  await using other = new RawServer(answerNothing);
  await using server = redirecting(other.url);
  const stream = streamItems(server.url, Watch({}), { headers: KEY });
  await assert.rejects(soon(stream.next()), assertRedirect);
  assert.equal(other.requests.length, 0);
});

Deno.test("streamItems() follows no redirect of a resume or of a DELETE where headers are given", async () => {
  await using other = new RawServer(answerNothing);
  const redirect = bareAnswer(307, `location: ${other.url}\r\n`);
  await using server = new RawServer((request, connection) =>
    connection.write(
      request.method === "POST" ? RESUMABLE_HEAD + eventsOf(["one"])[0] : redirect,
    )
  );
  const stream = streamItems(server.url, Watch({}), { headers: KEY, backoff: () => 0 });
  await assert.rejects(soon(stream.next()), assertRedirect);
  await server.until(() => server.count("DELETE") === 1);
  await soon(stream.return());
  assert.equal(other.requests.length, 0);
});

Deno.test("streamItems() follows a redirect where no headers are given, and resumes where it leads", async () => {
  const events = eventsOf(["one", "two"]);
  await using other = new RawServer((request, connection) =>
    connection.write(
      request.method === "POST"
        ? RESUMABLE_HEAD + events.slice(0, 2).join("")
        : STREAM_HEAD + END_OF_HEAD + events.slice(2).join(""),
    )
  );
  await using server = redirecting(`${other.url}/moved?tenant=t2`);
  const stream = streamItems(`${server.url}/?tenant=t1`, Watch({}), { backoff: () => 0 });
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one", "two"]);
  assert.equal(other.requests[1]?.target, `/moved${RUN_URL}&tenant=t2`);
  assert.equal(server.requests.length, 1);
});
