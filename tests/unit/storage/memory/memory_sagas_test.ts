import { memoryStorage } from "../../../../src/storage/memory/mod.ts";
import assert from "node:assert/strict";
import { message } from "../../../../src/testing/storage_steps.ts";

Deno.test("MemorySagas.checkpoint() writes nothing when a message cannot be copied", async () => {
  const { sagas } = memoryStorage();
  const saga = { id: "1", name: "order", version: 1, context: "{}", metadata: "{}" };
  const lease = { owner: "owner", leaseMs: 1_000 };
  await sagas.create({ ...saga, status: "running", entries: [] }, lease);
  const detached = message("a1");
  const body = new Uint8Array([1]);
  structuredClone(body, { transfer: [body.buffer] });
  const messages = [{ ...detached, body }];
  const change = { status: "completed", messages, leaseMs: 0 } as const;
  await assert.rejects(sagas.checkpoint("1", 1, change), TypeError);
  const found = await sagas.load("1");
  assert.deepEqual([found?.record.status, found?.record.revision], ["running", 1]);
});
