import { inboxPurge } from "@sluice/cqrs/consumer";
import { memoryStorage } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";

const DAY_MS = 86_400_000;

async function filled(count: number) {
  const clock = new ManualClock();
  const storage = memoryStorage({ clock });
  const ids = Array.from({ length: count }, (_, n) => String(n));
  await storage.transaction((tx) => storage.inbox.record(tx, "billing", ids));
  return { clock, storage };
}

Deno.test("inboxPurge() forgets what is older than its retention, batch by batch", async () => {
  const { clock, storage } = await filled(25);
  await clock.advance(14 * DAY_MS - 1);
  const purge = inboxPurge({ storage, batchSize: 10, clock });
  assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 0 });
  await clock.advance(1);
  assert.deepEqual(await purge.tick({ budgetMs: 1_000 }), { hasMore: false, deleted: 25 });
  const isNew = await storage.transaction((tx) => storage.inbox.record(tx, "billing", ["0"]));
  assert.deepEqual(isNew, [true]);
});

Deno.test("inboxPurge() stops at its budget, and says that there is more", async () => {
  const { clock, storage } = await filled(25);
  await clock.advance(1);
  const purge = inboxPurge({ storage, retentionMs: 0, batchSize: 10, clock });
  assert.deepEqual(await purge.tick({ budgetMs: 0 }), { hasMore: true, deleted: 10 });
  assert.deepEqual(await purge.tick({ budgetMs: 1 }), { hasMore: false, deleted: 15 });
});

Deno.test("inboxPurge() ends with its signal", async () => {
  const { storage } = await filled(1);
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(inboxPurge({ storage }).tick({ budgetMs: 1, signal }), /Enough/);
});

Deno.test("inboxPurge() refuses numbers out of their range", () => {
  const storage = memoryStorage();
  for (const retentionMs of [-1, NaN, Infinity]) {
    assert.throws(() => inboxPurge({ storage, retentionMs }), RangeError);
  }
  for (const batchSize of [0, 1.5, Infinity]) {
    assert.throws(() => inboxPurge({ storage, batchSize }), RangeError);
  }
});
