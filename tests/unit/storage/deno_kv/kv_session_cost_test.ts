import { pairOf } from "../../../../src/storage/deno_kv/keys.ts";
import assert from "node:assert/strict";
import {
  found,
  idsOf,
  KEYS,
  messageOf,
  messagesOf,
  openStorage,
  published,
  readAll,
} from "./support.ts";

const LEASE_MS = 60_000;

Deno.test("read() of an outbox that is empty costs one list, and nothing else", async () => {
  using opened = await openStorage();
  const session = opened.storage.outbox.open({ leaseMs: LEASE_MS });
  for (let n = 0; n < 3; n++) assert.deepEqual(await session.read(500), []);
  assert.equal(opened.calls.lists.length, 3);
  assert.equal(opened.calls.gets + opened.calls.commits.length, 0);
});

Deno.test("read() of topics that are empty costs one list for each, whatever others have", async () => {
  using opened = await openStorage();
  await opened.storage.outbox.store(messagesOf("a1 b1 c1", { topic: "others" }));
  opened.counting.reset();
  const session = opened.storage.outbox.open({ leaseMs: LEASE_MS, topics: ["notes", "bills"] });
  assert.deepEqual(await session.read(500), []);
  assert.equal(opened.calls.lists.length, 2);
  assert.equal(opened.calls.gets + opened.calls.commits.length, 0);
});

Deno.test("read() does not write for what waits until later", async () => {
  using opened = await openStorage();
  const { storage, calls } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(10);
  await session.settle(rows.map((row) => ({
    row,
    outcome: "failed",
    error: "no",
    retryAfterMs: 1_000,
  })));
  opened.counting.reset();
  assert.deepEqual(await session.read(10), []);
  assert.equal(calls.lists.length, 1);
  assert.equal(calls.commits.length, 0);
});

Deno.test("read() and settle() of one message cost two atomic operations, and leave nothing", async () => {
  using opened = await openStorage();
  const { storage, calls, raw } = opened;
  await storage.outbox.store(messagesOf("a1"));
  opened.counting.reset();
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(500);
  assert.deepEqual(idsOf(rows), ["a1"]);
  assert.deepEqual(await session.read(500), []); // reads ahead
  await session.settle(rows.map(published));
  assert.equal(calls.commits.length, 2);
  assert.ok(calls.lists.length <= 8);
  assert.deepEqual(await found(raw, "queue"), []);
  const hold = (await found(raw, "hold")).map(({ key }) => key[2] ?? key[1]);
  assert.ok(!hold.includes("relay") && hold.includes("clock"));
});

Deno.test("settle() of 500 published rows is one atomic operation of 500 deletes and one check", async () => {
  using opened = await openStorage();
  const { storage, calls, raw } = opened;
  for (let n = 0; n < 600; n++) await storage.outbox.store([messageOf(`k${n}`)]);
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(500);
  assert.equal(rows.length, 500);
  opened.counting.reset();
  await session.settle(rows.map(published));
  assert.deepEqual(
    calls.commits.map(({ checks, sets, deletes }) => [checks, sets.length, deletes.length]),
    [[1, 0, 500]],
  );
  assert.equal((await found(raw, "queue")).length, 100);
});

Deno.test("settle() of messages that were stored together needs far fewer deletes", async () => {
  using opened = await openStorage();
  const { storage, calls, raw } = opened;
  await storage.outbox.store(Array.from({ length: 500 }, (_, n) => messageOf(`k${n}`)));
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(500);
  assert.equal(rows.length, 500);
  opened.counting.reset();
  await session.settle(rows.map(published));
  const [commit] = calls.commits;
  assert.equal(commit?.deletes.length, Math.ceil(500 / 16));
  assert.deepEqual(await found(raw, "queue"), []);
});

Deno.test("settle() of a part of what was stored together leaves the rest as it is", async () => {
  using opened = await openStorage();
  const { storage, calls, raw } = opened;
  await storage.outbox.store(messagesOf("a1 a2 a3 a4 a5 a6"));
  assert.equal((await found(raw, "queue")).length, 1);
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(4);
  opened.counting.reset();
  await session.settle(rows.slice(0, 3).map(published));
  assert.deepEqual(
    calls.commits.map(({ sets, deletes }) => [sets.length, deletes.length]),
    [[1, 0]],
  );
  assert.deepEqual(idsOf(await session.read(10)), ["a5", "a6"]);
  await session[Symbol.asyncDispose]();
  const again = await readAll(opened.other().outbox.open({ leaseMs: LEASE_MS }));
  assert.deepEqual(idsOf(again), ["a4", "a5", "a6"]);
});

Deno.test("settle() of more than a commit takes is parted, each part with the check", async () => {
  using opened = await openStorage();
  const { storage, calls, raw } = opened;
  const body = new Uint8Array(40_000);
  for (let n = 0; n < 60; n++) {
    await storage.outbox.store([messageOf(`k${n}`, { key: `k${n}`, body })]);
  }
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const rows = await session.read(100);
  opened.counting.reset();
  // A row that waits is written anew, with its body.
  await session.settle(rows.map((row) => ({
    row,
    outcome: "failed",
    error: "no",
    retryAfterMs: 1_000,
  })));
  assert.equal(calls.commits.length, 3);
  for (const { checks } of calls.commits) assert.equal(checks, 1);
  assert.equal((await found(raw, "wait")).length, 60);
  assert.equal((await found(raw, "queue")).length, 60); // tickets
});

Deno.test("settle() that breaks off between two parts loses nothing and keeps lanes in order", async () => {
  for (let at = 0; at < 3; at++) {
    using opened = await openStorage();
    const { storage } = opened;
    const body = new Uint8Array(50_000);
    for (let n = 10; n < 50; n++) {
      await storage.outbox.store([messageOf(`${"abcd"[n % 4]}${n}`, { body })]);
    }
    const session = storage.outbox.open({ leaseMs: LEASE_MS });
    const rows = await session.read(100);
    let parts = 0;
    opened.counting.onCommit = (_, go) =>
      ++parts > at ? Promise.reject(new Error("No network")) : go();
    const settling = session.settle(
      rows.map((row) =>
        row.envelope.key === "a"
          ? { row, outcome: "failed", error: "no", retryAfterMs: 0 }
          : { row, outcome: "failed", error: "no", retryAfterMs: 5_000 }
      ),
    );
    await assert.rejects(settling, /No network/);
    opened.counting.onCommit = (_, go) => go();
    await opened.clock.advance(LEASE_MS * 2);
    const again = await readAll(opened.other().outbox.open({ leaseMs: LEASE_MS }));
    assert.equal(again.length, 40);
    for (const key of "abcd") {
      const ids = idsOf(again).filter((id) => id.startsWith(key));
      assert.deepEqual(ids, ids.toSorted());
    }
  }
});

Deno.test("read() of a large backlog lists each row about once", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const count = 3_000;
  for (let n = 0; n < count; n++) {
    await storage.outbox.store([messageOf(`${n}`, { key: `key ${n % 40}` })]);
  }
  let listed = 0;
  const { list } = opened.kv;
  opened.kv.list = async function* (selector, options) {
    for await (const entry of list(selector, options)) {
      listed++;
      yield entry;
    }
  };
  opened.counting.reset();
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  for (let rows = await session.read(500); rows.length > 0; rows = await session.read(500)) {
    await session.settle(rows.map(published));
  }
  assert.ok(listed < count * 1.3, `${listed} entries were listed`);
  assert.ok(opened.calls.lists.length < 150, `${opened.calls.lists.length} lists`);
  assert.equal(opened.calls.commits.length, 1 + 6 + 1); // it comes, settles, and goes
});

Deno.test("read() finds the partitions of many topics without listing all that is in them", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  for (const topic of ["a", "b", "c"]) {
    for (let n = 0; n < 400; n++) {
      await storage.outbox.store([messageOf(`${n}`, { topic, key: "one" })]);
    }
  }
  const session = storage.outbox.open({ leaseMs: LEASE_MS });
  const topics = new Set((await session.read(1_200)).map(({ envelope: { topic } }) => topic));
  assert.deepEqual([...topics].sort(), ["a", "b", "c"]);
  const leases = (await found(raw, "hold")).filter(({ key }) => key[2] === "lease");
  assert.deepEqual(leases.map(({ key }) => key[3]), ["a", "b", "c"]);
  assert.equal((await raw.get([...KEYS.lease("a")])).value instanceof Array, true);
  assert.ok(pairOf("a", 1).name.startsWith("a"));
});
