import assert from "node:assert/strict";
import { outboxPurge } from "../../../src/outbox/outbox_purge.ts";
import type { PurgeOptions } from "../../../src/storage/mod.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

/** A storage with so many messages that are old enough; to delete some takes a while. */
function storageWith(count: number, clock: ManualClock) {
  const asked: PurgeOptions[] = [];
  return {
    asked,
    outbox: {
      async purge(options: PurgeOptions): Promise<number> {
        asked.push(options);
        await clock.advance(400);
        const deleted = Math.min(count, options.limit ?? 1_000);
        count -= deleted;
        return deleted;
      },
    },
  };
}

Deno.test("outboxPurge() refuses a retention that is no finite number from 0", () => {
  const storage = storageWith(0, new ManualClock());
  for (const retentionMs of [Infinity, -Infinity, NaN, -1]) {
    assert.throws(() => outboxPurge({ storage, retentionMs }), {
      name: "RangeError",
      message: `Cannot purge: retentionMs must be a finite number from 0, got ${retentionMs}`,
    });
  }
  outboxPurge({ storage, retentionMs: 0 });
});

Deno.test("outboxPurge() refuses a batch size that is no positive integer", () => {
  const storage = storageWith(0, new ManualClock());
  for (const batchSize of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => outboxPurge({ storage, batchSize }), RangeError);
  }
});

Deno.test("outboxPurge() deletes a batch at a time until none is left that is old enough", async () => {
  const clock = new ManualClock();
  const storage = storageWith(250, clock);
  const purge = outboxPurge({ storage, retentionMs: 5_000, batchSize: 100, clock });
  assert.deepEqual(await purge.tick({ budgetMs: 60_000 }), { hasMore: false, deleted: 250 });
  assert.deepEqual(storage.asked, Array(3).fill({ olderThanMs: 5_000, limit: 100 }));
});

Deno.test("outboxPurge() stops when its budget is spent, and says that there is more", async () => {
  const clock = new ManualClock();
  const storage = storageWith(1_000, clock);
  const purge = outboxPurge({ storage, batchSize: 100, clock });
  assert.deepEqual(await purge.tick({ budgetMs: 500 }), { hasMore: true, deleted: 200 });
});

Deno.test("outboxPurge() deletes nothing more once its signal has aborted", async () => {
  const clock = new ManualClock();
  const storage = storageWith(1_000, clock);
  const reason = new Error("Enough");
  const purge = outboxPurge({ storage, batchSize: 100, clock });
  const tick = purge.tick({ budgetMs: 500, signal: AbortSignal.abort(reason) });
  await assert.rejects(tick, reason);
  assert.deepEqual(storage.asked, []);
});
