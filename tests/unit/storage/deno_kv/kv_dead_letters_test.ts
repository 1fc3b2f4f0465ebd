import assert from "node:assert/strict";
import type { OutboxRow } from "../../../../src/storage/mod.ts";
import { found, idsOf, KEYS, messageOf, messagesOf, openStorage, readAll } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

function dead(row: OutboxRow, error = "no", continues = false) {
  return { row, outcome: "dead" as const, error, continues };
}

Deno.test("list() gives what is kept of an error, however long that is", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const body = new Uint8Array(57_000); // there is little room beside it
  await storage.outbox.store([messageOf("a1", { body })]);
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(1)).map((row) => dead(row, "é€".repeat(50_000))));
  const [letter] = await storage.outbox.deadLetters.list();
  assert.equal(letter?.error, "é€".repeat(500));
  assert.equal(letter?.envelope.body.length, 57_000);
});

Deno.test("list() passes over what makes no sense", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const { deadLetters } = storage.outbox;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(2)).map((row) => dead(row)));
  const [entry] = await found(raw, "dead");
  assert.ok(entry);
  await raw.set([...KEYS.dead, 0, "0"], "nonsense");
  await raw.set([...KEYS.dead, "no time"], entry.value);
  await raw.set([...KEYS.deadLetterIds("x"), "0"], "nonsense");
  assert.deepEqual(idsOf(await deadLetters.list()).sort(), ["a1", "b1"]);
  assert.equal(await deadLetters.requeue(["x", "a1"]), 1);
});

Deno.test("list() of a topic is by the topic's name, whatever it is like", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const topics = ["x".repeat(400), "a\0b", "notes"];
  for (const [n, topic] of topics.entries()) {
    await storage.outbox.store([messageOf(`a${n}`, { topic })]);
  }
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(9)).map((row) => dead(row)));
  for (const [n, topic] of topics.entries()) {
    assert.deepEqual(idsOf(await storage.outbox.deadLetters.list({ topic })), [`a${n}`]);
  }
});

Deno.test("requeue() and discard() find a dead letter by any id", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const ids = ["", "x".repeat(2_000), "\ud800", "\ud801", "a\0b", "🛟"];
  for (const id of ids) await storage.outbox.store([messageOf("a1", { id })]);
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(9)).map((row) => dead(row)));
  const { deadLetters } = storage.outbox;
  assert.equal(await deadLetters.requeue(ids.slice(0, 3)), 3);
  assert.equal(await deadLetters.discard(ids), 3);
  assert.deepEqual(idsOf(await readAll(session)), ids.slice(0, 3));
});

Deno.test("discard() deletes the bodies that have keys of their own", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store([messageOf("a1", { body: new Uint8Array(150_000) })]);
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(1)).map((row) => dead(row)));
  assert.equal((await found(raw, "body")).length, 3);
  assert.equal(await storage.outbox.deadLetters.discard(["a1"]), 1);
  for (const kind of ["body", "dead", "id", "wait"]) assert.deepEqual(await found(raw, kind), []);
});

Deno.test("requeue() while the lane is being published is not forgotten", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.outbox.store(messagesOf("a1 a2 a3"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(
    rows.map((row) =>
      row.envelope.id === "a1" ? dead(row, "no", true) : { row, outcome: "returned" }
    ),
  );
  const [second] = await session.read(1) as [OutboxRow];
  await session.settle([{ row: second, outcome: "failed", error: "no", retryAfterMs: 0 }]);
  const lane = await session.read(10);
  assert.deepEqual(idsOf(lane), ["a2", "a3"]);
  // It is put back when the session believes to have all that waits.
  await opened.other().outbox.deadLetters.requeue(["a1"]);
  await session.settle(lane.map((row) => ({ row, outcome: "published" })));
  assert.deepEqual(idsOf(await readAll(session)), ["a1"]);
});

Deno.test("requeue() of many takes one atomic operation for each, and wakes once", async () => {
  using opened = await openStorage();
  const { storage, calls } = opened;
  const all = Array.from({ length: 25 }, (_, n) => messageOf(`k${n}`, { key: `k${n}` }));
  await storage.outbox.store(all);
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(50)).map((row) => dead(row)));
  let wakes = 0;
  const subscription = await storage.outbox.subscribe(() => wakes++);
  opened.counting.reset();
  assert.equal(await storage.outbox.deadLetters.requeue(all.map(({ id }) => id)), 25);
  assert.equal(calls.commits.length, 25);
  for (const { checks } of calls.commits) assert.equal(checks, 1);
  assert.equal(wakes, 1);
  assert.equal(await storage.outbox.deadLetters.requeue(all.map(({ id }) => id)), 0);
  assert.equal(wakes, 1);
  await subscription[Symbol.asyncDispose]();
});
