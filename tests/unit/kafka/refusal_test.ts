import assert from "node:assert/strict";
import { isRefusal, isUnknownTopic } from "../../../src/kafka/refusal.ts";

Deno.test("isRefusal() knows the answers that are about a record, in the names of both clients", () => {
  assert.equal(isRefusal(Object.assign(new Error(), { type: "MESSAGE_TOO_LARGE" })), true);
  const apiError = Object.assign(new Error(), { apiId: "INVALID_RECORD" });
  assert.equal(isRefusal(new AggregateError([new Error(), apiError])), true);
  assert.equal(isRefusal(new Error("Retries exceeded", { cause: apiError })), true);
});

Deno.test("isRefusal() takes nothing else for one", () => {
  assert.equal(isRefusal(Object.assign(new Error(), { type: "REQUEST_TIMED_OUT" })), false);
  assert.equal(isRefusal(new Error("connect ECONNREFUSED")), false);
  assert.equal(isRefusal(undefined), false);
});

Deno.test("isRefusal() comes to an end with errors that are their own cause", () => {
  const error = new Error("again");
  error.cause = error;
  assert.equal(isRefusal(error), false);
});

Deno.test("isUnknownTopic() knows how both clients say it", () => {
  const byType = Object.assign(new Error(), { type: "UNKNOWN_TOPIC_OR_PARTITION" });
  const byCode = Object.assign(new Error("Unknown topic a."), { code: "PLT_KFK_USER" });
  assert.deepEqual([byType, byCode, new Error("Unknown topic a.")].map(isUnknownTopic), [
    true,
    true,
    false,
  ]);
});
