import assert from "node:assert/strict";
import { ConcurrencyError } from "../../../../src/storage/mod.ts";
import { TransactionTooLargeError } from "../../../../src/storage/deno_kv/mod.ts";
import { found, messageOf, openStorage } from "./support.ts";

const CLAIM = { fingerprint: "f", owner: "a", leaseMs: 1_000 };
const BYTES = new Uint8Array([1]);

Deno.test("begin() and beginAgain() of several processes at once lose no count", async () => {
  using opened = await openStorage();
  const storages = [opened.storage, opened.other(), opened.other()];
  const begun = await Promise.all(storages.map(({ inbox }) => inbox.begin("c", ["1"])));
  assert.deepEqual(begun.flat().map(({ starts }) => starts).sort(), [0, 1, 1]);
  await Promise.all(storages.map(({ inbox }) => inbox.beginAgain("c", "1")));
  assert.deepEqual(await opened.storage.inbox.begin("c", ["1"]), [{ isHandled: false, starts: 4 }]);
  assert.equal((await found(opened.raw, "inAge")).length, 1);
});

Deno.test("begin() of many takes few checks at a time", async () => {
  using opened = await openStorage();
  const ids = Array.from({ length: 25 }, (_, n) => String(n));
  await opened.storage.inbox.begin("c", ids);
  assert.deepEqual(opened.calls.commits.map(({ checks }) => checks), [10, 10, 5]);
});

Deno.test("record() in two transactions lets one commit", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const run = storage.transaction(async (tx) => {
    assert.deepEqual(await storage.inbox.record(tx, "c", ["1"]), [true]);
    await storage.transaction((other) => storage.inbox.record(other, "c", ["1"]));
  });
  await assert.rejects(run, ConcurrencyError);
});

Deno.test("record() twice at once in a transaction is new once", async () => {
  using opened = await openStorage();
  const { inbox } = opened.storage;
  const all = await opened.storage.transaction((tx) =>
    Promise.all([inbox.record(tx, "c", ["1"]), inbox.record(tx, "c", ["1"])])
  );
  assert.deepEqual(all, [[true], [false]]);
});

Deno.test("record() counts against the budget, and adds nothing when it is refused", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await storage.transaction(async (tx) => {
    await storage.inbox.record(tx, "c", ["1"]);
    const { checks, mutations } = tx.client.remaining;
    assert.deepEqual([checks, mutations], [99, 998]);
    const ids = Array.from({ length: 100 }, (_, n) => `x${n}`);
    const isTyped = (error: unknown) =>
      error instanceof TransactionTooLargeError && error.limit === "checks";
    await assert.rejects(storage.inbox.record(tx, "c", ids), isTyped);
    for (let n = 0; n < 997; n++) tx.client.set(["n", n], 0);
    const isFull = (error: unknown) =>
      error instanceof TransactionTooLargeError && error.limit === "mutations";
    await assert.rejects(storage.inbox.record(tx, "c", ["2"]), isFull);
  });
  assert.equal((await found(opened.raw, "in")).length, 1);
});

Deno.test("record() and bury() take ids of any length", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const ids = ["x".repeat(2_000), "x".repeat(2_001), "\ud800", "\ud801", "a\0b"];
  const record = () => storage.transaction((tx) => storage.inbox.record(tx, "c", ids));
  assert.deepEqual(await record(), ids.map(() => true));
  assert.deepEqual(await record(), ids.map(() => false));
  for (const id of ids) await bury(opened, id);
  assert.equal(await storage.inbox.deadLetters.discard("c", ids), ids.length);
});

Deno.test("begin() handles again what makes no sense", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.transaction((tx) => storage.inbox.record(tx, "c", ["1"]));
  const [entry] = await found(raw, "in");
  await raw.set(entry?.key ?? [], "nonsense");
  assert.deepEqual(await storage.inbox.begin("c", ["1"]), [{ isHandled: false, starts: 0 }]);
});

Deno.test("claim() of two processes at once lets one in", async () => {
  using opened = await openStorage();
  const storages = [opened.storage, opened.other()];
  const claims = await Promise.all(
    storages.map(({ inbox }, n) => inbox.claim("s", "k", { ...CLAIM, owner: String(n) })),
  );
  assert.deepEqual(claims.map(({ state }) => state).sort(), ["claimed", "running"]);
});

Deno.test("complete() refuses an answer that is too large for a value", async () => {
  using opened = await openStorage();
  const { inbox } = opened.storage;
  await inbox.claim("s", "k", CLAIM);
  const answer = new Uint8Array(70_000);
  const completing = inbox.complete(undefined, "s", "k", { owner: "a", answer });
  await assert.rejects(completing, TransactionTooLargeError);
  assert.equal(await inbox.complete(undefined, "s", "k", { owner: "a", answer: BYTES }), true);
});

Deno.test("purge() leaves what was touched since it was listed", async () => {
  using opened = await openStorage();
  const { counting, clock, storage } = opened;
  await storage.inbox.begin("c", ["1", "2"]);
  await clock.advance(1_000);
  counting.onCommit = async (_, go) => {
    counting.onCommit = (_, go) => go();
    await opened.other().inbox.beginAgain("c", "1");
    return await go();
  };
  assert.equal(await storage.inbox.purge({ olderThanMs: 500 }), 1);
  const [one, two] = await storage.inbox.begin("c", ["1", "2"]);
  assert.deepEqual([one?.starts, two?.starts], [2, 0]);
  assert.equal((await found(opened.raw, "inAge")).length, 2);
});

Deno.test("deadLetters keep large bodies under keys of their own, and delete them", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const body = new Uint8Array(150_000).fill(7);
  for (const id of ["1", "2"]) await bury(opened, id, body);
  assert.equal((await found(raw, "body")).length, 6);
  const taken = await storage.transaction((tx) => storage.inbox.deadLetters.take(tx, "c", "1"));
  assert.deepEqual(taken?.envelope.body, body);
  assert.equal(await storage.inbox.deadLetters.discard("c", ["2"]), 1);
  for (const kind of ["body", "inDead", "inId"]) assert.equal((await found(raw, kind)).length, 0);
});

Deno.test("deadLetters pass over nonsense, and refuse a position that is none", async () => {
  using opened = await openStorage();
  const { deadLetters } = opened.storage.inbox;
  await bury(opened, "1");
  await opened.raw.set(["sluice", "inDead", 0, "0"], "nonsense");
  assert.equal((await deadLetters.list()).length, 1);
  await assert.rejects(deadLetters.list({ after: "nonsense" }), RangeError);
});

Deno.test("take() in two transactions lets one commit", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await bury(opened, "1");
  const run = storage.transaction(async (tx) => {
    await storage.inbox.deadLetters.take(tx, "c", "1");
    await storage.transaction((other) => storage.inbox.deadLetters.take(other, "c", "1"));
  });
  await assert.rejects(run, ConcurrencyError);
});

function bury({ storage }: Awaited<ReturnType<typeof openStorage>>, id: string, body = BYTES) {
  const letter = { consumer: "c", envelope: messageOf(id, { body }), attempts: 1, error: "no" };
  return storage.transaction((tx) => storage.inbox.bury(tx, letter));
}
