import assert from "node:assert/strict";
import { command, domainEvent, notification, type, withData } from "../../../src/message/mod.ts";

const Join = command("join", type<{ userId: string }>());
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

Deno.test("a message has a UUID of version 7 and the time of its making", () => {
  const beforeMs = Date.now();
  const { metadata } = Join({ userId: "u1" });
  assert.match(metadata.id, UUID_V7);
  assert.ok(metadata.time.getTime() >= beforeMs && metadata.time.getTime() <= Date.now());
});

Deno.test("the id of a message carries the time of its making, also when it is looked at later", () => {
  const message = Join({ userId: "u1" });
  const madeMs = Date.now();
  // Time passes before anybody looks.
  while (Date.now() <= madeMs);
  const inIdMs = Number.parseInt(message.metadata.id.replaceAll("-", "").slice(0, 12), 16);
  assert.ok(inIdMs <= madeMs, `${inIdMs} is later than ${madeMs}`);
  assert.equal(message.metadata.time.getTime(), inIdMs);
});

Deno.test("the metadata of a message stays the same however often it is read", () => {
  const message = Join({ userId: "u1" });
  assert.equal(message.metadata, message.metadata);
});

Deno.test("two messages have different ids", () => {
  assert.notEqual(Join({ userId: "u1" }).metadata.id, Join({ userId: "u1" }).metadata.id);
});

Deno.test("a message has no headers, key or origin unless they are given", () => {
  const { headers, key, correlationId, causationId, traceparent } = Join({ userId: "u" }).metadata;
  assert.deepEqual(headers, {});
  assert.deepEqual([key, correlationId, causationId, traceparent], [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("metadata that is given with a message wins over what would be filled in", () => {
  const given = {
    id: "id-1",
    time: new Date("2026-01-02T03:04:05Z"),
    key: "k",
    correlationId: "c",
    causationId: "x",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    headers: { tenant: "t1" },
  };
  for (
    const message of [
      Join({ userId: "u1" }, given),
      domainEvent("joined")(undefined, given),
      notification("n", { topic: "t", data: type<number>(), key: String })(7, given),
    ]
  ) {
    assert.deepEqual(message.metadata, given);
  }
});

Deno.test("the key function of a definition runs only when somebody looks at the metadata", () => {
  let calls = 0;
  const Joined = notification("joined", {
    topic: "t",
    data: type<string>(),
    key: (data) => {
      calls++;
      return data;
    },
  });
  const message = Joined("m1");
  assert.equal(calls, 0);
  assert.equal(message.metadata.key, "m1");
  assert.equal(message.metadata.key, "m1");
  assert.equal(calls, 1);
});

Deno.test("a message whose headers are given as undefined has none", () => {
  // @ts-expect-error -- JavaScript can
  const { metadata } = Join({ userId: "u1" }, { headers: undefined });
  assert.deepEqual(metadata.headers, {});
});

Deno.test("withData() gives a message with other data and leaves all else as it was", () => {
  const message = Join({ userId: "u1" }, { correlationId: "c" });
  const changed = withData(message, { userId: "u2" });
  assert.deepEqual(changed.data, { userId: "u2" });
  assert.deepEqual([changed.kind, changed.type], ["command", "join"]);
  assert.equal(changed.metadata, message.metadata);
  assert.deepEqual(message.data, { userId: "u1" });
});

Deno.test("withData() keeps the topic, the wire type and the version of a notification", () => {
  const Told = notification("told", {
    data: type<number>(),
    topic: "news",
    wireType: "com.example.told",
    schemaVersion: "2",
  });
  const { data, topic, wireType, schemaVersion, kind } = withData(Told(1), 2);
  assert.deepEqual({ data, topic, wireType, schemaVersion, kind }, {
    data: 2,
    topic: "news",
    wireType: "com.example.told",
    schemaVersion: "2",
    kind: "notification",
  });
});

Deno.test("metadata has nothing but what metadata is, also when it was given an envelope", () => {
  const Joined = domainEvent("joined");
  const init = { id: "1", correlationId: "2", type: "other", topic: "t", contentType: "c" };
  assert.deepEqual(
    Object.keys(Joined(undefined, init).metadata).sort(),
    Object.keys(Joined().metadata).sort(),
  );
});
