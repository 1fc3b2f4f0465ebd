import assert from "node:assert/strict";
import { found, idsOf, messageOf, messagesOf, openStorage, published, readAll } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

Deno.test("purge() deletes messages with all of their bodies, in as few commits as can be", async () => {
  using opened = await openStorage({ keepPublished: true });
  const { storage, raw, calls } = opened;
  const body = new Uint8Array(100_000);
  await storage.outbox.store([messageOf("a1", { body })]);
  for (let n = 0; n < 1_200; n += 400) {
    await storage.outbox.store(Array.from({ length: 400 }, (_, i) => messageOf(`b${n + i}`)));
  }
  const session = storage.outbox.open(SESSION);
  for (let rows = await session.read(500); rows.length > 0; rows = await session.read(500)) {
    await session.settle(rows.map(published));
  }
  assert.equal((await found(raw, "done")).length, 1_201);
  assert.equal((await found(raw, "body")).length, 2);
  opened.counting.reset();
  assert.equal(await storage.outbox.purge({ olderThanMs: 0, limit: 1_500 }), 1_201);
  assert.equal(calls.commits.length, 2);
  assert.deepEqual(await found(raw, "done"), []);
  assert.deepEqual(await found(raw, "body"), []);
  opened.counting.reset();
  assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 0);
  assert.equal(calls.commits.length, 0);
});

Deno.test("purge() deletes what makes no sense as well", async () => {
  using opened = await openStorage({ keepPublished: true });
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(1)).map(published));
  for (const { key } of await found(raw, "done")) await raw.set(key, "nonsense");
  assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 1);
  assert.deepEqual(await found(raw, "done"), []);
});

Deno.test("a message that died and was kept after it was published is listed with its body and purged", async () => {
  using opened = await openStorage({ keepPublished: true });
  const { storage, raw } = opened;
  const body = new Uint8Array(100_000).fill(7);
  await storage.outbox.store([messageOf("a1", { body })]);
  const session = storage.outbox.open(SESSION);
  const rows = await readAll(session);
  await session.settle(rows.map((row) => ({ row, outcome: "dead", error: "no", continues: true })));
  const [letter] = await storage.outbox.deadLetters.list();
  assert.deepEqual(letter?.envelope.body, body);
  await storage.outbox.deadLetters.requeue(["a1"]);
  const again = await readAll(session);
  assert.deepEqual(again[0]?.envelope.body, body);
  await session.settle(again.map(published));
  assert.equal((await found(raw, "body")).length, 2);
  assert.equal(await storage.outbox.purge({ olderThanMs: 0 }), 1);
  assert.deepEqual(await found(raw, "body"), []);
});

Deno.test("everything is gone from the database when everything is published", async () => {
  using opened = await openStorage();
  const { storage, raw, clock } = opened;
  const body = new Uint8Array(100_000);
  await storage.outbox.store([
    ...messagesOf("a1 a2 b1 b2 c1 -1 -2"),
    messageOf("d1", { body }),
    messageOf("e1", { body }),
  ]);
  const session = storage.outbox.open(SESSION);
  const rows = await readAll(session);
  await session.settle(rows.map((row) => {
    if (row.envelope.id === "a1") return { row, outcome: "dead", error: "no", continues: false };
    if (row.envelope.id === "e1") return { row, outcome: "dead", error: "no", continues: true };
    return { row, outcome: "failed", error: "no", retryAfterMs: 1_000 };
  }));
  await storage.outbox.deadLetters.requeue(["a1"]);
  await storage.outbox.deadLetters.discard(["e1"]);
  await clock.advance(1_000);
  const again = await readAll(session);
  assert.equal(again.length, 8);
  await session.settle(again.map(published));
  assert.deepEqual(await session.read(10), []);
  await session[Symbol.asyncDispose]();
  const left = (await Array.fromAsync(raw.list({ prefix: [] }))).map(({ key }) => key[1]);
  assert.deepEqual([...new Set(left)], ["hold"]);
  assert.deepEqual(idsOf(again).length, 8);
});
