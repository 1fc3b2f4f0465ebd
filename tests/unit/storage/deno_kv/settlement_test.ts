import assert from "node:assert/strict";
import type { OutboxOutcome, OutboxRow } from "../../../../src/storage/mod.ts";
import { idsOf, messageOf, messagesOf, openStorage, published, readAll } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

function failed(row: OutboxRow, retryAfterMs = 1_000): OutboxOutcome {
  return { row, outcome: "failed", error: "no", retryAfterMs };
}

function dead(row: OutboxRow, continues = false): OutboxOutcome {
  return { row, outcome: "dead", error: "no", continues };
}

/** A session that has the rows of a lane, all of which had to wait. */
async function openLane(opened: Awaited<ReturnType<typeof openStorage>>, ids: string) {
  await opened.storage.outbox.store(messagesOf(ids));
  const session = opened.storage.outbox.open(SESSION);
  const [first, ...rest] = await session.read(100) as [OutboxRow];
  await session.settle([failed(first), ...rest.map((row) => failed(row))]);
  await opened.clock.advance(1_000);
  const rows = await readAll(session);
  assert.deepEqual(idsOf(rows), ids.split(" "));
  return { session, rows };
}

Deno.test("settle() of a row that is dead behind one that failed lets that one come again first", async () => {
  for (const waits of [false, true]) {
    using opened = await openStorage();
    const { storage, clock } = opened;
    let session = storage.outbox.open(SESSION);
    let rows: readonly OutboxRow[];
    if (waits) ({ session, rows } = await openLane(opened, "a1 a2 a3"));
    else {
      await storage.outbox.store(messagesOf("a1 a2 a3"));
      rows = await session.read(10);
    }
    const [a1, a2, a3] = rows as [OutboxRow, OutboxRow, OutboxRow];
    await session.settle([failed(a1, 5_000), dead(a2), { row: a3, outcome: "held" }]);
    assert.deepEqual(await readAll(session), []);
    await clock.advance(5_000);
    const again = await readAll(session);
    assert.deepEqual(idsOf(again), ["a1"]);
    await session.settle(again.map(published));
    assert.deepEqual(await readAll(session), []);
    assert.equal((await storage.outbox.statistics()).parkedKeys, 1);
    await storage.outbox.deadLetters.requeue(["a2"]);
    assert.deepEqual(idsOf(await readAll(session)), ["a2", "a3"]);
  }
});

Deno.test("settle() of a row that is dead behind others in flight gives those again, and then parks", async () => {
  for (const waits of [false, true]) {
    using opened = await openStorage();
    const { storage } = opened;
    let session = storage.outbox.open(SESSION);
    let rows: readonly OutboxRow[];
    if (waits) ({ session, rows } = await openLane(opened, "a1 a2 a3"));
    else {
      await storage.outbox.store(messagesOf("a1 a2 a3"));
      rows = await session.read(10);
    }
    await session.settle([dead(rows[1] as OutboxRow)]);
    await session[Symbol.asyncDispose]();
    const next = opened.other().outbox.open(SESSION);
    const again = await readAll(next);
    assert.deepEqual(idsOf(again), ["a1"]);
    await next.settle(again.map(published));
    assert.deepEqual(await readAll(next), []);
    await storage.outbox.deadLetters.discard(["a2"]);
    assert.deepEqual(idsOf(await readAll(next)), ["a3"]);
  }
});

Deno.test("settle() of several rows that are dead parks at the first of them", async () => {
  for (const order of [[1, 2], [2, 1]]) {
    using opened = await openStorage();
    const { storage } = opened;
    await storage.outbox.store(messagesOf("a1 a2 a3 a4"));
    const session = storage.outbox.open(SESSION);
    const rows = await session.read(10);
    await session.settle(order.map((n) => dead(rows[n] as OutboxRow)));
    await session[Symbol.asyncDispose]();
    const next = opened.other().outbox.open(SESSION);
    const again = await readAll(next);
    assert.deepEqual(idsOf(again), ["a1"]);
    await next.settle(again.map(published));
    await storage.outbox.store(messagesOf("a5"));
    assert.deepEqual(await readAll(next), []);
    assert.equal(await storage.outbox.deadLetters.requeue(["a2"]), 1);
    const second = await readAll(next);
    assert.deepEqual(idsOf(second), ["a2"]);
    await next.settle(second.map(published));
    assert.equal(await storage.outbox.deadLetters.requeue(["a3"]), 1);
    assert.deepEqual(idsOf(await readAll(next)), ["a3", "a4", "a5"]);
  }
});

Deno.test("settle() of a lane that had to wait frees it when all of it is gone, part by part", async () => {
  using opened = await openStorage();
  const { session, rows } = await openLane(opened, "a1 a2 a3");
  const [a1, a2, a3] = rows as [OutboxRow, OutboxRow, OutboxRow];
  await session.settle([published(a1)]);
  await opened.storage.outbox.store(messagesOf("a4"));
  const next = await session.read(10); // it stands behind what is in flight
  assert.deepEqual(idsOf(next), ["a4"]);
  await session.settle([published(a2), dead(a3, true)]);
  await session.settle(next.map(published));
  const left = await Array.fromAsync(opened.raw.list({ prefix: ["sluice", "lane"] }));
  assert.deepEqual(left, []);
  await opened.storage.outbox.store([messageOf("a5")]);
  assert.deepEqual(idsOf(await session.read(10)), ["a5"]);
});

Deno.test("settle() counts the attempts of each row of a lane by itself", async () => {
  using opened = await openStorage();
  const { session, rows } = await openLane(opened, "a1 a2");
  assert.deepEqual(rows.map(({ attempts }) => attempts), [1, 1]);
  const [a1, a2] = rows as [OutboxRow, OutboxRow];
  await session.settle([published(a1), failed(a2, 0)]);
  const [again] = await session.read(10) as [OutboxRow];
  assert.equal(again.attempts, 2);
});
