import assert from "node:assert/strict";
import { TransactionTooLargeError } from "../../../../src/storage/deno_kv/mod.ts";
import { found, jsonOf, logged, messageOf, openStorage, sagaOf } from "./support.ts";

const LEASE = { owner: "a", leaseMs: 30_000 };

Deno.test("create() and checkpoint() of who has a saga are one commit each, and read nothing", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  assert.equal(await sagas.create(sagaOf("1"), LEASE), true);
  for (const revision of [1, 2, 3]) {
    const status = revision === 3 ? "completed" : "running";
    const entries = [logged(revision + 1)];
    await sagas.checkpoint("1", revision, { status, entries, context: `[${revision}]`, ...LEASE });
  }
  const { gets, lists, commits } = opened.calls;
  assert.deepEqual([gets, lists.length], [0, 0]);
  assert.deepEqual(commits.map(({ checks }) => checks), [1, 1, 1, 1]);
  assert.deepEqual(commits[1]?.sets.map((key) => key.slice(1)), [
    ["saga", "1"],
    ["saga", "1", "log", 2],
  ]);
  assert.deepEqual(commits[1]?.deletes, []);
  const { record, log } = await sagas.load("1") ?? {};
  assert.deepEqual([record?.revision, record?.context, log?.length], [4, "[3]", 4]);
});

Deno.test("checkpoint() is tried again when the saga was only told something or kept", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  await opened.other().sagas.signal("1", { id: "s", name: "paid", data: undefined });
  await opened.other().sagas.keep([{ id: "1", revision: 1 }], 60_000);
  const hold = await sagas.checkpoint("1", 1, { ...LEASE, entries: [logged(2)] });
  assert.deepEqual(hold, { revision: 2, signals: 1 });
  assert.equal((await sagas.signals("1")).length, 1);
});

Deno.test("checkpoint() of who has lost the saga writes nothing, whatever is remembered", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  await opened.clock.advance(30_000);
  const taken = await opened.other().sagas.claim("1", { ...LEASE, owner: "b" });
  assert.equal(taken?.record.revision, 2);
  assert.equal(await sagas.checkpoint("1", 1, { ...LEASE, context: "[1]" }), undefined);
  assert.deepEqual(await sagas.keep([{ id: "1", revision: 1 }], 1_000), [undefined]);
  assert.deepEqual((await sagas.load("1"))?.record.context, "{}");
});

Deno.test("checkpoint() rejects when it is not known how it ended, and looks before the next one", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  const { onCommit } = opened.counting;
  opened.counting.onCommit = async (_, go) => {
    await go();
    throw new Error("the connection is gone");
  };
  await assert.rejects(sagas.checkpoint("1", 1, LEASE), /the connection is gone/);
  opened.counting.onCommit = onCommit;
  assert.equal(await sagas.checkpoint("1", 1, LEASE), undefined);
  assert.deepEqual(await sagas.checkpoint("1", 2, LEASE), { revision: 3, signals: 0 });
});

Deno.test("checkpoint() with messages is one commit too, after which relays are called", async () => {
  using opened = await openStorage();
  const { sagas, outbox } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  let calls = 0;
  await using _ = await outbox.subscribe(() => calls++);
  opened.reset();
  const messages = [messageOf("a1"), messageOf("b1")];
  await sagas.checkpoint("1", 1, { ...LEASE, messages, entries: [logged(2)] });
  await sagas.checkpoint("1", 2, LEASE);
  assert.deepEqual([opened.calls.gets, opened.calls.commits.length, calls], [1, 2, 1]);
  assert.equal((await outbox.statistics()).pending, 2);
  assert.equal(await sagas.checkpoint("1", 2, { ...LEASE, messages }), undefined);
  assert.deepEqual([(await outbox.statistics()).pending, calls], [2, 1]);
});

Deno.test("checkpoint() replaces a context that is too large for its entry, and only if it changes", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const [first, second] = [jsonOf(200_000, "ä"), jsonOf(100_000, "€")];
  await sagas.create(sagaOf("1", { context: first }), LEASE);
  assert.equal((await sagas.load("1"))?.record.context, first);
  opened.reset();
  await sagas.checkpoint("1", 1, LEASE);
  assert.equal(opened.calls.commits[0]?.sets.length, 1);
  await sagas.checkpoint("1", 2, { ...LEASE, context: second });
  assert.equal((await sagas.list())[0]?.context, second);
  assert.equal((await textsOf(opened.raw)).length, 5);
  await sagas.checkpoint("1", 3, { ...LEASE, context: "[]" });
  assert.equal((await sagas.load("1"))?.record.context, "[]");
  assert.equal((await textsOf(opened.raw)).length, 0);
});

Deno.test("checkpoint() keeps large results, and takes large signals in with all that they have", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  const [result, data] = [jsonOf(150_000, "r"), jsonOf(150_000, "d")];
  await sagas.checkpoint("1", 1, { ...LEASE, entries: [logged(2, { result })] });
  await sagas.signal("1", { id: "s", name: "paid", data });
  assert.equal((await sagas.load("1"))?.log[1]?.result, result);
  assert.equal((await sagas.signals("1"))[0]?.data, data);
  assert.equal((await textsOf(opened.raw)).length, 6);
  const hold = await sagas.checkpoint("1", 2, { ...LEASE, consumed: ["s", "s", "unknown"] });
  assert.deepEqual([hold?.signals, (await sagas.signals("1")).length], [0, 0]);
  assert.equal((await textsOf(opened.raw)).length, 3);
});

Deno.test("create() and checkpoint() refuse what one commit does not take, and write nothing", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const isTotal = (error: unknown) =>
    error instanceof TransactionTooLargeError && error.limit === "totalBytes";
  await assert.rejects(sagas.create(sagaOf("0", { context: jsonOf(900_000) }), LEASE), isTotal);
  assert.equal(await sagas.load("0"), undefined);
  await sagas.create(sagaOf("1"), LEASE);
  const large = { ...LEASE, context: jsonOf(500_000), entries: [logged(2)] };
  const messages = [messageOf("a1", { body: new Uint8Array(400_000) })];
  await assert.rejects(sagas.checkpoint("1", 1, { ...large, messages }), isTotal);
  assert.deepEqual(await sagas.checkpoint("1", 1, large), { revision: 2, signals: 0 });
  const metadata = jsonOf(70_000);
  await assert.rejects(sagas.create(sagaOf("2", { metadata }), LEASE), TransactionTooLargeError);
});

Deno.test("create() takes any id, and tells ids apart that look alike in keys", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const ids = ["\ud800", "\ud801", "\ufffd", "a\0b", "\u0002", "x".repeat(5_000), ""];
  for (const id of ids) {
    assert.equal(await sagas.create(sagaOf(id, { name: id }), LEASE), true);
    await sagas.signal(id, { id, name: "paid", data: undefined });
  }
  await opened.clock.advance(30_000);
  const due = await sagas.claimDue({ ...LEASE, names: ids, limit: 100 });
  assert.deepEqual(due.map(({ record }) => record.id), ids);
  assert.deepEqual(due.map(({ record }) => record.signals), ids.map(() => 1));
  assert.deepEqual((await sagas.list({ name: "\ud801" })).map(({ id }) => id), ["\ud801"]);
});

Deno.test("checkpoint() keeps the beginning of errors and reasons that are too long", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  const error = "e".repeat(100_000);
  const entries = [logged(2, { status: "failed", error })];
  await sagas.checkpoint("1", 1, { ...LEASE, error, parkedReason: error, entries });
  const { record, log } = await sagas.load("1") ?? {};
  const lengths = [record?.error, record?.parkedReason, log?.[1]?.error].map((text) =>
    text?.length
  );
  assert.deepEqual(lengths, [4_000, 4_000, 4_000]);
});

Deno.test("claim() gives the log as it was claimed, also if that was written while it was claimed", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  await opened.clock.advance(30_000);
  const { onCommit } = opened.counting;
  opened.counting.onCommit = async (_, go) => {
    opened.counting.onCommit = onCommit;
    const other = opened.other().sagas;
    await other.claim("1", { ...LEASE, owner: "b" });
    await other.checkpoint("1", 2, { leaseMs: 0, entries: [logged(2)] });
    return await go();
  };
  const { record, log } = await sagas.claim("1", LEASE) ?? {};
  assert.deepEqual([record?.revision, log?.map(({ number }) => number)], [4, [1, 2]]);
});

Deno.test("signal() of several processes at once loses none, and keeps the same one once", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  const stores = [opened.storage, opened.other(), opened.other()];
  const told = await Promise.all(
    stores.flatMap((store) =>
      ["s1", "s2", "s3"].map((id) => store.sagas.signal("1", { id, name: "paid", data: undefined }))
    ),
  );
  assert.deepEqual([...new Set(told)], ["stored"]);
  assert.equal((await sagas.signals("1")).length, 3);
  assert.equal((await sagas.load("1"))?.record.signals, 3);
});

Deno.test("signal() that is there already writes only what wakes a saga that waits", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const signal = { id: "s", name: "paid", data: undefined };
  await sagas.create(sagaOf("1"), LEASE);
  await sagas.signal("1", signal);
  opened.reset();
  assert.equal(await sagas.signal("1", signal), "stored");
  assert.equal(opened.calls.commits.length, 0);
  await sagas.checkpoint("1", 1, { status: "waiting", leaseMs: 0, resumeInMs: Infinity });
  assert.equal(await sagas.signal("1", signal), "stored");
  const { record } = await sagas.load("1") ?? {};
  assert.deepEqual([record?.signals, record?.resumeInMs], [1, 0]);
});

Deno.test("keep() of many takes ten at a time without a read, and one that is lost costs no other", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const ids = Array.from({ length: 25 }, (_, n) => String(n));
  for (const id of ids) await sagas.create(sagaOf(id), LEASE);
  const holds = ids.map((id) => ({ id, revision: 1 }));
  opened.reset();
  await sagas.keep(holds, 30_000);
  assert.deepEqual(opened.calls.commits.map(({ checks }) => checks), [10, 10, 5]);
  assert.equal(opened.calls.gets, 0);
  await opened.clock.advance(30_000);
  await opened.other().sagas.claim("7", { ...LEASE, owner: "b" });
  const kept = await sagas.keep(holds, 30_000);
  assert.deepEqual(kept.map((hold) => hold === undefined), ids.map((id) => id === "7"));
});

Deno.test("load() refuses a saga of which a part is missing", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  for (const id of ["1", "2"]) await sagas.create(sagaOf(id, { context: jsonOf(90_000) }), LEASE);
  await opened.raw.delete(["sluice", "saga", "1", "log", 1]);
  await opened.raw.delete(["sluice", "saga", "2", "text", "context", 1, 0]);
  for (const id of ["1", "2"]) {
    await assert.rejects(sagas.load(id), {
      name: "TypeError",
      message: `Cannot read the saga "${id}" as a part of it is missing`,
    });
  }
});

async function textsOf(kv: Deno.Kv) {
  return (await found(kv, "saga")).filter(({ key }) => key[3] === "text");
}
