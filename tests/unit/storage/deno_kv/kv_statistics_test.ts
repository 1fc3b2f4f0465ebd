import assert from "node:assert/strict";
import { found, messageOf, messagesOf, openStorage } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

Deno.test("statistics() finds the oldest message also where it counts only some", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  // Partitions come in another order than messages.
  for (let n = 0; n < 20; n++) {
    await storage.outbox.store([messageOf(`${n}`, { key: `key ${n}` })]);
    await clock.advance(1_000);
  }
  const { pending, oldestAgeMs } = await storage.outbox.statistics({ maxCount: 3 });
  assert.deepEqual([pending, oldestAgeMs], [3, 20_000]);
});

Deno.test("statistics() finds the oldest message among those that wait", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  await storage.outbox.store(messagesOf("a1"));
  await clock.advance(5_000);
  await storage.outbox.store(messagesOf("b1 a2"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(rows.map((row) => ({
    row,
    outcome: "failed",
    error: "no",
    retryAfterMs: 100_000,
  })));
  await clock.advance(2_000);
  const { pending, oldestAgeMs, waitingKeys } = await storage.outbox.statistics();
  assert.deepEqual([pending, oldestAgeMs, waitingKeys], [3, 7_000, 2]);
});

Deno.test("statistics() counts no marks, no tickets, and no keys of messages without one", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.outbox.store(messagesOf("a1 a2 b1 -1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(
    rows.filter(({ envelope: { id } }) => id !== "a2").map((row) =>
      row.envelope.id === "a1"
        ? { row, outcome: "dead", error: "no", continues: false }
        : { row, outcome: "failed", error: "no", retryAfterMs: 1_000 }
    ),
  );
  assert.ok((await found(opened.raw, "wait")).length === 3);
  const { pending, waitingKeys, parkedKeys, deadLetters } = await storage.outbox.statistics();
  assert.deepEqual([pending, waitingKeys, parkedKeys, deadLetters], [3, 1, 1, 1]);
});

Deno.test("statistics() counts keys as far as it is told too", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.outbox.store(messagesOf("a1 b1 c1 d1 e1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(
    rows.map((row) => ({ row, outcome: "dead", error: "no", continues: false })),
  );
  assert.equal((await storage.outbox.statistics({ maxCount: 2 })).parkedKeys, 2);
  assert.equal((await storage.outbox.statistics()).parkedKeys, 5);
});
