import assert from "node:assert/strict";
import { found, logged, openStorage, sagaOf } from "./support.ts";

const LEASE = { owner: "a", leaseMs: 30_000 };
const DUE = { owner: "b", leaseMs: 30_000, names: ["order"], limit: 10 };

Deno.test("claimDue() finds a saga where it was written at its start, as long as that is not too early", async () => {
  using opened = await openStorage();
  const { storage: { sagas }, clock } = opened;
  await sagas.create(sagaOf("1"), LEASE);
  const [start] = await dueTimesOf(opened.raw);
  await clock.advance(15_000);
  await sagas.checkpoint("1", 1, { ...LEASE, entries: [logged(2)] });
  assert.deepEqual(await dueTimesOf(opened.raw), [start]);
  await clock.advance(5_000);
  await sagas.keep([{ id: "1", revision: 2 }], 30_000); // less than half of the lease would be left
  assert.deepEqual(await dueTimesOf(opened.raw), [Number(start) + 20_000]);
});

Deno.test("claimDue() moves what it finds too early, once, and its owner goes on", async () => {
  using opened = await openStorage();
  const { storage: { sagas }, clock } = opened;
  await sagas.create(sagaOf("1"), LEASE);
  await clock.advance(15_000);
  await sagas.checkpoint("1", 1, LEASE);
  await clock.advance(15_000);
  const other = opened.other().sagas;
  assert.deepEqual(await other.claimDue(DUE), []);
  assert.deepEqual(await dueTimesOf(opened.raw), [clock.now() + 15_000]);
  opened.reset();
  assert.deepEqual(await other.claimDue(DUE), []);
  assert.deepEqual([opened.calls.gets, opened.calls.lists.length], [0, 1]);
  assert.deepEqual(await sagas.checkpoint("1", 2, LEASE), { revision: 3, signals: 0 });
});

Deno.test("claimDue() has nothing to look at of what has ended, is parked or waits for a signal", async () => {
  using opened = await openStorage();
  const { storage: { sagas }, clock } = opened;
  for (const id of ["1", "2", "3"]) await sagas.create(sagaOf(id), LEASE);
  await sagas.checkpoint("1", 1, { status: "completed", leaseMs: 0 });
  await sagas.checkpoint("2", 1, { parkedReason: "why", leaseMs: 0 });
  await sagas.checkpoint("3", 1, { status: "waiting", leaseMs: 0, resumeInMs: Infinity });
  assert.deepEqual(await dueTimesOf(opened.raw), []);
  await sagas.signal("3", { id: "s", name: "paid", data: undefined });
  assert.deepEqual(await dueTimesOf(opened.raw), [clock.now()]);
});

Deno.test("claimDue() gives what has been due the longest first, also where the index is too early", async () => {
  using opened = await openStorage();
  const { storage: { sagas }, clock } = opened;
  await sagas.create(sagaOf("0"), LEASE);
  const others = Array.from({ length: 11 }, (_, n) => String(n + 1));
  for (const id of others) {
    await clock.advance(100);
    await sagas.create(sagaOf(id), LEASE);
  }
  await clock.advance(10_000);
  await sagas.checkpoint("0", 1, LEASE); // is due behind the others, and stands before them
  await clock.advance(60_000);
  const first = await sagas.claimDue({ ...DUE, limit: 1 });
  assert.deepEqual(first.map(({ record }) => record.id), ["1"]);
  const next = await sagas.claimDue({ ...DUE, limit: 10 });
  assert.deepEqual(next.map(({ record }) => record.id), others.slice(1));
  assert.equal((await sagas.statistics()).oldestDueMs, 30_000);
});

Deno.test("claimDue() of two stores at once gives each saga once, and both get on", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  for (let n = 0; n < 60; n++) await storage.sagas.create(sagaOf(String(n)), LEASE);
  await clock.advance(30_000);
  const both = await Promise.all(
    [storage, opened.other()].map((store) => store.sagas.claimDue({ ...DUE, limit: 30 })),
  );
  const ids = both.flat().map(({ record }) => record.id);
  assert.deepEqual([ids.length, new Set(ids).size], [60, 60]);
  assert.deepEqual(both.map(({ length }) => length), [30, 30]);
  assert.ok(both.flat().every(({ log }) => log.length === 1));
});

Deno.test("claimDue() does not read sagas of other definitions", async () => {
  using opened = await openStorage();
  const { storage: { sagas }, clock } = opened;
  for (let n = 0; n < 20; n++) await sagas.create(sagaOf(String(n), { name: "other" }), LEASE);
  await sagas.create(sagaOf("mine"), LEASE);
  await clock.advance(30_000);
  opened.reset();
  const due = await sagas.claimDue(DUE);
  assert.deepEqual(due.map(({ record }) => record.id), ["mine"]);
  assert.deepEqual([opened.calls.gets, opened.calls.lists.length], [0, 2]);
});

async function dueTimesOf(kv: Deno.Kv): Promise<unknown[]> {
  return (await found(kv, "sagaDue")).map(({ key }) => key[2]);
}
