import assert from "node:assert/strict";
import { serializeItem } from "../../../src/hono/saga_item.ts";

const base = { sagaId: "s", number: 1, name: "charge" };

Deno.test("serializeItem() gives items as they are", () => {
  for (const item of [{ ...base, status: "completed", result: { error: "kept" } }, 7, null]) {
    assert.equal(serializeItem(item), JSON.stringify(item));
  }
});

Deno.test("serializeItem() says nothing of what a step has failed with", () => {
  for (const status of ["retrying", "failed", "unknown", "compensation_failed"]) {
    const text = serializeItem({ ...base, status, attempt: 1, error: "secret" });
    const detail = status === "compensation_failed" ? "undone" : "done";
    assert.deepEqual(JSON.parse(text), {
      ...base,
      status,
      attempt: 1,
      error: `The step could not be ${detail}`,
    });
  }
});
