import assert from "node:assert/strict";
import {
  type Codec,
  jsonCodec,
  MessageEncodeError,
  notification,
  toEnvelope,
  type,
} from "../../../src/message/mod.ts";

const Joined = notification("user.joined", {
  topic: "users",
  wireType: "UserJoined",
  schemaVersion: "2",
  data: type<{ userId: string }>(),
  key: (data) => data.userId,
});
const options = { codec: jsonCodec(), source: "/tests" };

/** A codec that answers later. */
function asyncCodec(encode: (data: unknown) => Promise<Uint8Array>): Codec {
  return { contentType: "application/x-test", encode, decode: () => undefined };
}

Deno.test("toEnvelope() takes the attributes from message, definition and options", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const time = new Date("2026-01-02T03:04:05Z");
  const message = Joined({ userId: "u1" }, {
    id: "id-1",
    time,
    correlationId: "c",
    causationId: "x",
    traceparent,
    headers: { tenant: "t1" },
  });
  const { body, ...attributes } = await toEnvelope(message, options);
  assert.deepEqual(attributes, {
    id: "id-1",
    type: "UserJoined",
    topic: "users",
    source: "/tests",
    time,
    key: "u1",
    correlationId: "c",
    causationId: "x",
    traceparent,
    schemaVersion: "2",
    contentType: "application/json",
    headers: { tenant: "t1" },
  });
  assert.equal(new TextDecoder().decode(body), '{"userId":"u1"}');
});

Deno.test("toEnvelope() lets a message begin a conversation of its own", async () => {
  const message = Joined({ userId: "u1" });
  const { id, correlationId, causationId } = await toEnvelope(message, options);
  assert.equal(id, message.metadata.id);
  assert.equal(correlationId, id);
  assert.equal(causationId, undefined);
});

Deno.test("toEnvelope() prefers the metadata that it is given to the message's own", async () => {
  const metadata = { ...Joined({ userId: "u1" }).metadata, id: "other", key: "k" };
  const envelope = await toEnvelope(Joined({ userId: "u1" }), { ...options, metadata });
  assert.deepEqual([envelope.id, envelope.key], ["other", "k"]);
});

Deno.test("toEnvelope() answers at once when its codec does", () => {
  assert.ok(!(toEnvelope(Joined({ userId: "u1" }), options) instanceof Promise));
});

Deno.test("toEnvelope() awaits a codec that works asynchronously", async () => {
  const codec = asyncCodec(async () => await Promise.resolve(new Uint8Array([7])));
  const { body, contentType } = await toEnvelope(Joined({ userId: "u1" }), { ...options, codec });
  assert.deepEqual(body, new Uint8Array([7]));
  assert.equal(contentType, "application/x-test");
});

Deno.test("toEnvelope() throws a MessageEncodeError with the cause when the codec throws", () => {
  const Loop = notification("loop", { topic: "t", data: type<unknown>() });
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  assert.throws(() => toEnvelope(Loop(loop), options), (error) => {
    assert.ok(error instanceof MessageEncodeError);
    assert.equal(error.messageType, "loop");
    assert.equal(error.message, 'Cannot encode the data of "loop"');
    assert.ok(error.cause instanceof TypeError);
    return true;
  });
});

Deno.test("toEnvelope() rejects with a MessageEncodeError when an asynchronous codec rejects", async () => {
  const cause = new Error("Registry away");
  const codec = asyncCodec(() => Promise.reject(cause));
  const envelope = Promise.resolve(toEnvelope(Joined({ userId: "u1" }), { ...options, codec }));
  await assert.rejects(envelope, { code: "message_encode", messageType: "user.joined", cause });
});
