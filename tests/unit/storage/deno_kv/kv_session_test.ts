import { LeaseLostError, type OutboxRow } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { partitionOf } from "../../../../src/storage/mod.ts";
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
const SESSION = { leaseMs: LEASE_MS };

/** The relays that are in a database. */
async function relaysOf(kv: Deno.Kv): Promise<Deno.KvKey[]> {
  return (await found(kv, "hold")).filter(({ key }) => key[2] === "relay").map(({ key }) => key);
}

/** Another key in the partition of a key. */
function otherKeyOf(key: string): string {
  return Array.from({ length: 1_000 }, (_, n) => `other ${n}`)
    .find((other) => partitionOf(other) === partitionOf(key)) ?? "";
}

function failed(row: OutboxRow, retryAfterMs = 0) {
  return { row, outcome: "failed" as const, error: "no", retryAfterMs };
}

Deno.test("read() takes over from a relay that has died, and deletes it first", async () => {
  using opened = await openStorage();
  const { storage, raw, clock } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  const [first] = await relaysOf(raw);
  await clock.advance(LEASE_MS * 1.1);
  const other = opened.other().outbox.open(SESSION);
  assert.deepEqual(idsOf(await other.read(10)).sort(), ["a1", "b1"]);
  const relays = await relaysOf(raw);
  assert.equal(relays.length, 1);
  assert.notDeepEqual(relays[0], first);
  await assert.rejects(session.settle(rows.map(published)), LeaseLostError);
});

Deno.test("settle(), keep() and read() of a relay that was taken over reject and write nothing, whatever its clock says", async () => {
  for (const call of ["settle", "keep", "read"] as const) {
    using opened = await openStorage();
    const { storage, raw, clock } = opened;
    await storage.outbox.store(messagesOf("a1 b1 c1"));
    const session = storage.outbox.open(SESSION);
    const rows = await session.read(10);
    // Somebody whose clock is an hour ahead takes over at once.
    const ahead = { ...clock, now: () => clock.now() + 3_600_000 };
    const other = opened.other({ clock: ahead }).outbox.open(SESSION);
    const theirs = await other.read(10);
    assert.equal(theirs.length, 3);
    await clock.advance(LEASE_MS / 2);
    const before = await Array.fromAsync(raw.list({ prefix: [] }));
    const calls = {
      settle: () => session.settle(rows.map((row) => failed(row))),
      keep: () => session.keep(),
      read: () => session.read(10),
    };
    await assert.rejects(calls[call](), LeaseLostError);
    await assert.rejects(calls[call](), LeaseLostError);
    await session[Symbol.asyncDispose]();
    assert.deepEqual(await Array.fromAsync(raw.list({ prefix: [] })), before);
    await other.settle(theirs.map(published));
  }
});

Deno.test("read() of a relay that was taken over rejects, also when nothing is due to be written", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  await session.read(1);
  for (const key of await relaysOf(raw)) await raw.delete(key);
  await assert.rejects(session.read(10), LeaseLostError);
});

Deno.test("read() gives nothing that was published between its look and its claim", async () => {
  using opened = await openStorage();
  const { storage, kv } = opened;
  await storage.outbox.store(messagesOf("a1 b1 c1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  assert.deepEqual(await session.read(10), []);
  const { list } = kv;
  let settling: Promise<void> | undefined;
  kv.list = async function* (selector, options) {
    const entries = await Array.fromAsync(list(selector, options));
    settling ??= session.settle(rows.map(published)); // and lets go of all
    await settling;
    yield* entries;
  };
  assert.deepEqual(await opened.other().outbox.open(SESSION).read(10), []);
  await settling;
});

/** Stores many messages of so many keys one by one, more than a page holds. */
async function fill(storage: Awaited<ReturnType<typeof openStorage>>["storage"], keys: number) {
  for (let n = 0; n < 1_000; n++) {
    await storage.outbox.store([messageOf(`${n}`, { key: `key ${n % keys}` })]);
  }
}

Deno.test("read() sees in the middle of a backlog that another relay has come, and leaves it a share", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await fill(storage, 40);
  const session = storage.outbox.open(SESSION);
  const other = opened.other().outbox.open(SESSION);
  await session.settle((await session.read(5)).map(published));
  assert.deepEqual(await other.read(5), []);
  await session.settle((await session.read(5)).map(published));
  assert.equal((await other.read(5)).length, 5);
});

Deno.test("read() lets go of what is too much as soon as it has no row of it", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await fill(storage, 40);
  const session = storage.outbox.open(SESSION);
  const other = opened.other().outbox.open(SESSION);
  const rows = [...await session.read(950)]; // some of every partition
  assert.deepEqual(await other.read(5), []);
  rows.push(...await session.read(1));
  assert.deepEqual(await other.read(5), []); // it has rows of all
  await session.settle(rows.map(published));
  await session.read(1);
  assert.ok((await other.read(5)).length > 0);
});

Deno.test("read() finds in the middle of a backlog what has come to other partitions", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await fill(storage, 1);
  const session = storage.outbox.open(SESSION);
  await session.read(1);
  for (let n = 0; n < 20; n++) {
    await storage.outbox.store([messageOf(`new ${n}`, { key: `new ${n}` })]);
  }
  const ids: string[] = [];
  for (let n = 0; n < 40; n++) ids.push(...idsOf(await session.read(5)));
  // Some may stand in the partition with the backlog, behind it.
  assert.ok(ids.filter((id) => id.startsWith("new")).length > 10);
});

Deno.test("read() begins with lanes whose time has come, also before a large backlog", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  await storage.outbox.store([messageOf("first", { key: otherKeyOf("key 0") })]);
  const session = storage.outbox.open(SESSION);
  await session.settle((await session.read(1)).map((row) => failed(row, 1_000)));
  await session[Symbol.asyncDispose]();
  await fill(storage, 1);
  await clock.advance(1_000);
  const ids = idsOf(await storage.outbox.open(SESSION).read(5));
  assert.equal(ids[0], "first");
});

Deno.test("read() finds in the middle of a backlog a lane whose time has come", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  await storage.outbox.store([messageOf("first", { key: "key 0" })]);
  await fill(storage, 40);
  const session = storage.outbox.open(SESSION);
  const rows: OutboxRow[] = [];
  while (!rows.some(({ envelope: { id } }) => id === "first")) rows.push(...await session.read(50));
  await session.settle(
    rows.map((row) => row.envelope.id === "first" ? failed(row, 1_000) : published(row)),
  );
  await clock.advance(1_000);
  const ids: string[] = [];
  for (let n = 0; n < 10; n++) {
    const more = await session.read(5);
    ids.push(...idsOf(more));
    await session.settle(more.map(published));
  }
  assert.ok(ids.includes("first"));
});

Deno.test("read() gives no row again that is settled while it looks", async () => {
  using opened = await openStorage();
  const { storage, kv } = opened;
  await storage.outbox.store(messagesOf("a1 a2 b1 c1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  // What is listed is as it was before the rows were settled.
  const { list } = kv;
  let settling: Promise<void> | undefined;
  kv.list = async function* (selector, options) {
    const entries = await Array.fromAsync(list(selector, options));
    settling ??= session.settle(rows.map(published));
    await settling;
    yield* entries;
  };
  assert.deepEqual(await session.read(10), []);
  kv.list = list;
  assert.deepEqual(await session.read(10), []);
});

Deno.test("settle() of a part of what was stored together brings back nothing that was settled before", async () => {
  using opened = await openStorage();
  const { storage, kv } = opened;
  const [a, b] = ["key 0", otherKeyOf("key 0")];
  await storage.outbox.store([
    messageOf("a1", { key: a }),
    messageOf("b1", { key: b }),
    messageOf("a2", { key: a }),
  ]);
  const session = storage.outbox.open(SESSION);
  const [a1, b1] = await session.read(2) as [OutboxRow, OutboxRow];
  await session.settle([{ row: b1, outcome: "returned" }]);
  // What is listed is as it was before the first was settled.
  const { list } = kv;
  let settling: Promise<void> | undefined;
  kv.list = async function* (selector, options) {
    const entries = await Array.fromAsync(list(selector, options));
    await (settling ??= session.settle([published(a1)]));
    yield* entries;
  };
  const again = await session.read(10);
  kv.list = list;
  assert.deepEqual(idsOf(again), ["b1", "a2"]);
  await session.settle(again.slice(0, 1).map(published));
  await session[Symbol.asyncDispose]();
  assert.deepEqual(idsOf(await readAll(opened.other().outbox.open(SESSION))), ["a2"]);
});

Deno.test("settle() knows what is left of what was stored together, also when it was read again", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const [a, b] = ["key 0", otherKeyOf("key 0")];
  await storage.outbox.store([
    messageOf("a1", { key: a }),
    messageOf("b1", { key: b }),
    messageOf("a2", { key: a }),
  ]);
  const session = storage.outbox.open(SESSION);
  const [a1, b1] = await session.read(2) as [OutboxRow, OutboxRow];
  await session.settle([{ row: b1, outcome: "returned" }]);
  const again = await session.read(10);
  assert.deepEqual(idsOf(again), ["b1", "a2"]);
  await session.settle([published(a1)]);
  await session.settle(again.slice(0, 1).map(published));
  await session[Symbol.asyncDispose]();
  assert.deepEqual(idsOf(await readAll(opened.other().outbox.open(SESSION))), ["a2"]);
});

Deno.test("read() gives nothing of a lane that fails while it looks, before it comes again", async () => {
  using opened = await openStorage();
  const { storage, kv, clock } = opened;
  await storage.outbox.store(messagesOf("a1 a2 a3"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(1);
  const { list } = kv;
  let settling: Promise<void> | undefined;
  kv.list = async function* (selector, options) {
    const entries = await Array.fromAsync(list(selector, options));
    settling ??= session.settle(rows.map((row) => failed(row, 1_000)));
    await settling;
    yield* entries;
  };
  assert.deepEqual(await readAll(session), []);
  kv.list = list;
  await clock.advance(1_000);
  assert.deepEqual(idsOf(await readAll(session)), ["a1", "a2", "a3"]);
});

Deno.test("read() leaves to the next pass what may stand behind a row that was committed late", async () => {
  using opened = await openStorage();
  const { storage, counting } = opened;
  const late = opened.other();
  // Its place is that of the first, but it is committed when that page was read.
  const gate = Promise.withResolvers<void>();
  const isReady = Promise.withResolvers<void>();
  counting.onCommit = async (_, go) => {
    counting.onCommit = (_, go) => go();
    isReady.resolve();
    await gate.promise;
    return await go();
  };
  const committing = late.outbox.store([messageOf("a-late", { key: "a" })]);
  await isReady.promise;
  for (let n = 0; n < 600; n++) await storage.outbox.store([messageOf(`a${1_000 + n}`)]);
  const session = storage.outbox.open(SESSION);
  const ids = idsOf(await session.read(500));
  gate.resolve();
  await committing;
  await storage.outbox.store([messageOf("a-after", { key: "a" })]);
  ids.push(...idsOf(await readAll(session)));
  assert.equal(ids.length, 602);
  assert.ok(ids.indexOf("a-late") > 499);
  assert.ok(ids.indexOf("a-late") < ids.indexOf("a-after"));
  const others = ids.filter((id) => !id.includes("-"));
  assert.deepEqual(others, others.toSorted());
});

Deno.test("read() gives what came back before what stands behind it, also while others are in flight", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.outbox.store(messagesOf("a1 a2 a3 a4"));
  const session = storage.outbox.open(SESSION);
  const [first, second] = [await session.read(1), await session.read(1)];
  await session.settle(first.map((row) => ({ row, outcome: "returned" })));
  assert.deepEqual(await session.read(10), []); // a2 may be published yet
  await session.settle(second.map((row) => ({ row, outcome: "returned" })));
  assert.deepEqual(idsOf(await readAll(session)), ["a1", "a2", "a3", "a4"]);
});

Deno.test("read() gives what came back before what stands far behind it in a backlog", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const [a, b] = ["key 0", otherKeyOf("key 0")];
  const store = async (id: string, key: string) => {
    await storage.outbox.store([messageOf(id, { key })]);
  };
  await store("a1", a);
  await store("a2", a);
  for (let n = 0; n < 600; n++) await store(`b${1_000 + n}`, b);
  await store("a3", a);
  const session = storage.outbox.open(SESSION);
  const [first, second] = [await session.read(1), await session.read(1)];
  await session.settle(first.map((row) => ({ row, outcome: "returned" })));
  const ids = idsOf(await session.read(550));
  await session.settle(second.map(published));
  ids.push(...idsOf(await readAll(session)));
  assert.deepEqual(ids.filter((id) => id.startsWith("a")), ["a1", "a3"]);
  assert.equal(ids.length, 602);
});

Deno.test("read() keeps what it gives while the last of what it had is settled", async () => {
  using opened = await openStorage();
  const { storage, kv } = opened;
  await storage.outbox.store([messageOf("first", { key: "key 0" })]);
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await fill(storage, 1);
  const { list } = kv;
  let settling: Promise<void> | undefined;
  kv.list = async function* (selector, options) {
    const entries = await Array.fromAsync(list(selector, options));
    const key = "prefix" in selector ? selector.prefix : selector.start;
    if (key.length === 3 && options?.limit !== 1) {
      await (settling ??= session.settle(rows.map(published)));
    }
    yield* entries;
  };
  const more = await session.read(10);
  assert.ok(settling !== undefined);
  await settling;
  assert.equal(more.length, 10);
  await session.settle(more.map(published));
  assert.equal((await storage.outbox.statistics()).pending, 990);
});

Deno.test("read() gives nothing of a lane before all that waits of it, however much that is", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  const session = storage.outbox.open(SESSION);
  await storage.outbox.store([messageOf("first", { key: "key 0" })]);
  await session.settle((await session.read(1)).map((row) => failed(row, 1_000)));
  const ids = ["first"];
  for (let n = 0; n < 520; n++) ids.push(`${1_000 + n}`);
  for (const id of ids.slice(1)) await storage.outbox.store([messageOf(id, { key: "key 0" })]);
  assert.deepEqual(await session.read(1_000), []); // now they wait
  await storage.outbox.store([messageOf("last", { key: "key 0" })]);
  await clock.advance(1_000);
  const given: string[] = [];
  for (let rows = await session.read(1_000); rows.length > 0; rows = await session.read(1_000)) {
    given.push(...idsOf(rows));
    await session.settle(rows.map(published));
  }
  assert.deepEqual(given, [...ids, "last"]);
});

Deno.test("read() that has no room for all of a lane gives nothing behind it", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  const [a, b] = ["key 0", otherKeyOf("key 0")];
  const session = storage.outbox.open(SESSION);
  for (const [key, ids] of [[a, "a1 a2 a3"], [b, "b1 b2 b3"]] as const) {
    await storage.outbox.store(messagesOf(ids, { key }));
  }
  const rows = await session.read(10);
  await session.settle(rows.map((row) => failed(row, 1_000)));
  await clock.advance(1_000);
  const first = [...await session.read(4)];
  assert.equal(first.length, 4);
  await storage.outbox.store([messageOf("a4", { key: a }), messageOf("b4", { key: b })]);
  const given = [...first];
  for (let rows = await session.read(4); given.length < 8; rows = await session.read(4)) {
    given.push(...rows);
    await session.settle(rows.map(published));
    if (rows.length === 0) await session.settle(first.splice(0).map(published));
  }
  for (const lane of ["a", "b"]) {
    const ids = idsOf(given).filter((id) => id.startsWith(lane));
    assert.deepEqual(ids, ids.toSorted());
  }
});

Deno.test("read() knows all lanes that wait, however many they are", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const keys = Array.from({ length: 600 }, (_, n) => `key ${n}`);
  const messagesFor = (what: string) => keys.map((key) => messageOf(`${what} of ${key}`, { key }));
  await storage.outbox.store(messagesFor("first"));
  const session = storage.outbox.open(SESSION);
  await session.settle((await readAll(session)).map((row) => failed(row, 1_000)));
  await session[Symbol.asyncDispose]();
  await storage.outbox.store(messagesFor("second"));
  const next = opened.other().outbox.open(SESSION);
  assert.deepEqual(await readAll(next), []);
  await opened.clock.advance(1_000);
  assert.equal((await readAll(next)).length, 1_200);
});

Deno.test("read() stays in the database while others have what it could read, and leaves then", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const [session, hungry] = [storage.outbox.open(SESSION), opened.other().outbox.open(SESSION)];
  const rows = await session.read(10);
  assert.deepEqual(await hungry.read(10), []);
  assert.equal((await relaysOf(raw)).length, 2);
  await session.settle(rows.map(published));
  assert.deepEqual(await session.read(10), []);
  assert.deepEqual(await hungry.read(10), []);
  assert.deepEqual(await relaysOf(raw), []);
});

Deno.test("read() of a session that held nothing for long begins anew, and is not lost", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const [session, hungry] = [storage.outbox.open(SESSION), opened.other().outbox.open(SESSION)];
  const rows = await session.read(10);
  assert.deepEqual(await hungry.read(10), []);
  for (let n = 0; n < 4; n++) {
    await clock.advance(LEASE_MS / 2);
    await session.settle([]);
    await session.read(1); // takes the other for dead
  }
  await session.settle(rows.map(published));
  await session[Symbol.asyncDispose]();
  await storage.outbox.store(messagesOf("b1"));
  assert.deepEqual(idsOf(await hungry.read(10)), ["b1"]);
});

Deno.test("dispose() while a session reads leaves nothing in the database", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const reading = session.read(10);
  await session[Symbol.asyncDispose]();
  await assert.rejects(reading, LeaseLostError);
  assert.deepEqual(await relaysOf(raw), []);
  assert.equal((await readAll(opened.other().outbox.open(SESSION))).length, 2);
});

Deno.test("settle() that waits for its turn while the session is disposed of writes nothing", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  const disposing = session[Symbol.asyncDispose]();
  const late = opened.other().outbox.open(SESSION);
  await assert.rejects(session.settle(rows.map(published)), LeaseLostError);
  await disposing;
  assert.deepEqual(await relaysOf(raw), []);
  assert.equal((await readAll(late)).length, 2);

  const next = storage.outbox.open(SESSION);
  assert.deepEqual(await readAll(next), []);
  await late[Symbol.asyncDispose]();
  const again = await readAll(next);
  // One after the other: what is asked for first has its turn first.
  const ends = next[Symbol.asyncDispose]();
  const settling = [next.settle(again.map(published)), next.keep(), next.read(1)];
  for (const each of settling) await assert.rejects(each, LeaseLostError);
  await ends;
  assert.equal((await found(raw, "queue")).length, 2);
});

Deno.test("settle() and dispose() at the same time leave no relay, and settle all or nothing", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  const settling = session.settle(rows.map(published)).then(() => true, () => false);
  await session[Symbol.asyncDispose]();
  const isSettled = await settling;
  const left = (await found(raw, "queue")).length;
  assert.ok(isSettled ? left === 0 : left === 2 || left === 0);
  assert.deepEqual(await relaysOf(raw), []);
});

Deno.test("settle() of nothing does not write, and does not make a relay of who has none", async () => {
  using opened = await openStorage();
  const session = opened.storage.outbox.open(SESSION);
  await session.settle([]);
  await session.keep();
  assert.equal(opened.calls.commits.length, 0);
});

Deno.test("dispose() rejects with what the database throws, but not because the lease was lost", async () => {
  using opened = await openStorage();
  const { storage, raw, counting } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const session = storage.outbox.open(SESSION);
  await session.read(10);
  counting.onCommit = () => Promise.reject(new Error("No network"));
  await assert.rejects(async () => await session[Symbol.asyncDispose](), /No network/);
  counting.onCommit = (_, go) => go();
  for (const key of await relaysOf(raw)) await raw.delete(key);
  const lost = storage.outbox.open(SESSION);
  await lost.read(10);
  for (const key of await relaysOf(raw)) await raw.delete(key);
  await lost[Symbol.asyncDispose]();
});

Deno.test("settle() refuses a row that the session does not have, and settles nothing", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  const [row] = rows as [OutboxRow];
  const foreign = { ...row, position: "somewhere else" };
  await assert.rejects(session.settle([...rows, foreign].map(published)), TypeError);
  await session.settle(rows.map(published));
  await assert.rejects(session.settle([published(row)]), TypeError);
});

Deno.test("read() takes a share of what others leave, and lets go of it for good", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);
  for (const [n, key] of keys.entries()) {
    await storage.outbox.store([messageOf(`${n}`, { key })]);
  }
  const [session, other] = [storage.outbox.open(SESSION), opened.other().outbox.open(SESSION)];
  const rows = await session.read(40);
  await session.settle(rows.slice(0, 20).map(published));
  assert.deepEqual(await other.read(10), []);
  assert.deepEqual(await session.read(10), []);
  // What was let go is not held by a relay that does not know of it.
  const leases = (await raw.get<[string, string][]>([...KEYS.lease("notes")])).value ?? [];
  const owners = Map.groupBy(leases, ([, owner]) => owner);
  assert.equal(owners.size, 1);
  for (const key of keys) await storage.outbox.store([messageOf("1000", { key })]);
  const theirs = await readAll(other);
  assert.ok(theirs.length > 0);
  await session.settle(rows.slice(20).map(published));
  const all = [...theirs, ...await readAll(session)];
  for (let round = 0; round < 5; round++) {
    all.push(...await readAll(other), ...await readAll(session));
  }
  assert.equal(all.length, 40);
});

Deno.test("a claim that fails is made again, and nothing is held that nobody reads", async () => {
  using opened = await openStorage();
  const { storage, counting } = opened;
  const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);
  for (const [n, key] of keys.entries()) {
    await storage.outbox.store([messageOf(`${n}`, { key })]);
  }
  // Every second commit of leases finds them changed.
  let isSecond = false;
  counting.onCommit = async ({ sets }, go) => {
    if (sets.some((key) => key.includes("lease")) && (isSecond = !isSecond)) {
      const entry = await opened.raw.get([...KEYS.lease("notes")]);
      await opened.raw.set([...KEYS.lease("notes")], entry.value ?? []);
    }
    return await go();
  };
  const sessions = [storage, opened.other(), opened.other()].map(({ outbox }) =>
    outbox.open(SESSION)
  );
  const ids: string[] = [];
  for (let round = 0; round < 60; round++) {
    for (const session of sessions) {
      const rows = await session.read(2);
      await session.settle(rows.map(published));
      ids.push(...idsOf(rows));
    }
  }
  assert.equal(ids.length, 40);
  assert.equal(new Set(ids).size, 40);
});

for (const hours of [1, -1]) {
  Deno.test(`relays of which one has a clock that is off by ${hours} h lose nothing, and keep lanes in order`, async () => {
    using opened = await openStorage();
    const { storage, clock } = opened;
    const wrong = { ...clock, now: () => clock.now() + hours * 3_600_000 };
    const storages = [storage, opened.other({ clock: wrong })];
    const sessions = storages.map(({ outbox }) => outbox.open({ leaseMs: 1_000 }));
    const firsts: string[] = [];
    let stored = 0;
    for (let round = 0; round < 60; round++) {
      if (stored < 40) {
        const id = `${"abcd"[stored % 4]}${100 + stored++}`;
        await storages[round % 2]?.outbox.store([messageOf(id)]);
      }
      for (const [n, { outbox }] of storages.entries()) {
        const session = sessions[n] ??= outbox.open({ leaseMs: 1_000 });
        try {
          const rows = await session.read(3);
          for (const id of idsOf(rows)) if (!firsts.includes(id)) firsts.push(id);
          await session.settle(rows.map(published));
        } catch (error) {
          assert.ok(error instanceof LeaseLostError);
          sessions[n] = outbox.open({ leaseMs: 1_000 });
        }
      }
      await clock.advance(100);
    }
    assert.equal(firsts.length, 40);
    for (const key of "abcd") {
      const ids = firsts.filter((id) => id.startsWith(key));
      assert.deepEqual(ids, ids.toSorted());
    }
    assert.equal((await storage.outbox.statistics()).pending, 0);
  });
}

Deno.test("a relay whose clock was ahead and that has died is taken over after its lease", async () => {
  using opened = await openStorage();
  const { storage, clock } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const ahead = { ...clock, now: () => clock.now() + 3_600_000 };
  await opened.other({ clock: ahead }).outbox.open(SESSION).read(10);
  const session = storage.outbox.open(SESSION);
  assert.deepEqual(await session.read(10), []);
  await clock.advance(LEASE_MS);
  await opened.storage.outbox.store(messagesOf("a2"));
  assert.deepEqual(await session.read(10), []);
  await clock.advance(LEASE_MS / 8);
  assert.deepEqual(idsOf(await session.read(10)), ["a1", "a2"]);
});
