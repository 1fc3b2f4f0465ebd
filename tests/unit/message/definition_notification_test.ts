import assert from "node:assert/strict";
import { notification, type } from "../../../src/message/mod.ts";

const data = type<{ meetingId: string; userId: string }>();

Deno.test("notification() bears its type on the wire unless it is told another name", () => {
  const Joined = notification("user.joined", { topic: "users", data });
  assert.equal(Joined.wireType, "user.joined");
  assert.equal(Joined({ meetingId: "m1", userId: "u1" }).wireType, "user.joined");
});

Deno.test("notification() lets two messages share a wire type on two topics", () => {
  const Joined = notification("user.joined", { topic: "user_notification_events", data });
  const State = notification("user.joined.state", {
    topic: "user_ecst_events",
    wireType: "user.joined",
    data: type<{ userId: string; name: string }>(),
  });
  const joined = Joined({ meetingId: "m1", userId: "u1" });
  const state = State({ userId: "u1", name: "Ada" });
  assert.deepEqual([joined.topic, joined.wireType, joined.type], [
    "user_notification_events",
    "user.joined",
    "user.joined",
  ]);
  assert.deepEqual([state.topic, state.wireType, state.type], [
    "user_ecst_events",
    "user.joined",
    "user.joined.state",
  ]);
});

Deno.test("notification() tells topic, wire type and schema version of its messages", () => {
  const Joined = notification("user.joined", {
    topic: "users",
    wireType: "UserJoined",
    schemaVersion: "2",
    data,
  });
  assert.deepEqual([Joined.topic, Joined.wireType, Joined.schemaVersion], [
    "users",
    "UserJoined",
    "2",
  ]);
  assert.equal(Joined({ meetingId: "m1", userId: "u1" }).schemaVersion, "2");
});

Deno.test("notification() derives the key of a message from its data", () => {
  const Joined = notification("user.joined", {
    topic: "users",
    data,
    key: (data) => data.meetingId,
  });
  assert.equal(Joined({ meetingId: "m1", userId: "u1" }).metadata.key, "m1");
});

Deno.test("a key given with a message wins over the one that its definition derives", () => {
  const Joined = notification("user.joined", {
    topic: "users",
    data,
    key: (data) => data.meetingId,
  });
  const message = Joined({ meetingId: "m1", userId: "u1" }, { key: "mine" });
  assert.equal(message.metadata.key, "mine");
});

Deno.test("a notification without a key has none", () => {
  const Joined = notification("user.joined", { topic: "users", data });
  assert.equal(Joined({ meetingId: "m1", userId: "u1" }).metadata.key, undefined);
});

for (const option of ["topic", "wireType"] as const) {
  Deno.test(`notification() refuses an empty ${option} and names the notification`, () => {
    assert.throws(() => notification("user.joined", { topic: "users", data, [option]: "" }), {
      name: "TypeError",
      message:
        `Cannot define notification "user.joined" as "${option}" must be a non-empty string: `,
    });
  });
}
