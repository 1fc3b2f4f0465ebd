import assert from "node:assert/strict";
import { found, jsonOf, logged, openStorage, sagaOf } from "./support.ts";

const LEASE = { owner: "a", leaseMs: 30_000 };

Deno.test("purge() deletes all that a saga has, together with others in one commit", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  for (const id of ["1", "2", "3"]) {
    await sagas.create(sagaOf(id, { context: jsonOf(100_000) }), LEASE);
    await sagas.signal(id, { id: "s", name: "paid", data: jsonOf(100_000) });
    await sagas.checkpoint(id, 1, { status: "completed", leaseMs: 0, entries: [logged(2)] });
  }
  opened.reset();
  assert.equal(await sagas.purge({ olderThanMs: 0, limit: 2 }), 2);
  assert.deepEqual(opened.calls.commits.map(({ checks }) => checks), [2]);
  assert.equal(await sagas.purge({ olderThanMs: 0 }), 1);
  assert.equal((await Array.fromAsync(opened.raw.list({ prefix: [] }))).length, 0);
});

Deno.test("purge() that breaks off in a long log is gone on with by the next one", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const entriesFrom = (first: number) => Array.from({ length: 900 }, (_, n) => logged(first + n));
  await sagas.create(sagaOf("1"), LEASE);
  await sagas.checkpoint("1", 1, { ...LEASE, entries: entriesFrom(2) });
  await sagas.checkpoint("1", 2, { status: "completed", leaseMs: 0, entries: entriesFrom(902) });
  assert.equal((await sagas.load("1"))?.log.length, 1_801);
  opened.reset();
  const { onCommit } = opened.counting;
  opened.counting.onCommit = (_, go) => {
    if (opened.calls.commits.length === 2) throw new Error("the connection is gone");
    return go();
  };
  await assert.rejects(sagas.purge({ olderThanMs: 0 }), /the connection is gone/);
  opened.counting.onCommit = onCommit;
  assert.equal((await found(opened.raw, "sagaOver")).length, 1);
  assert.equal(await sagas.purge({ olderThanMs: 0 }), 1);
  assert.equal((await Array.fromAsync(opened.raw.list({ prefix: [] }))).length, 0);
});

Deno.test("purge() leaves a saga that is written to meanwhile, and deletes the others", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  for (const id of ["1", "2"]) await sagas.create(sagaOf(id, { status: "compensated" }), LEASE);
  await opened.clock.advance(1_000);
  const { onCommit } = opened.counting;
  opened.counting.onCommit = async (_, go) => {
    opened.counting.onCommit = onCommit;
    await opened.other().sagas.checkpoint("1", 1, LEASE);
    return await go();
  };
  assert.equal(await sagas.purge({ olderThanMs: 1_000 }), 1);
  assert.deepEqual((await sagas.list()).map(({ id }) => id), ["1"]);
  assert.equal((await found(opened.raw, "sagaOver")).length, 1);
});
