import assert from "node:assert/strict";
import { PublishError } from "../../../src/broker/mod.ts";

Deno.test("a PublishError names the message, its topic and what the broker answered", () => {
  const cause = new Error("Not enough replicas");
  const error = new PublishError({ id: "m1", topic: "users" }, { cause });
  assert.equal(error.messageId, "m1");
  assert.equal(error.topic, "users");
  assert.equal(error.cause, cause);
  assert.equal(error.message, 'Cannot confirm the publication of message "m1" to topic "users"');
});
