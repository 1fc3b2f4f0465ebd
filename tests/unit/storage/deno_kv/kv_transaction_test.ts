import type { Envelope } from "@sluice/cqrs";
import assert from "node:assert/strict";
import { keySize } from "../../../../src/storage/deno_kv/key_size.ts";
import { found, idsOf, KEYS, messageOf, messagesOf, openStorage, readAll } from "./support.ts";

Deno.test("transaction() commits data and messages in one atomic operation, without a check of its own", async () => {
  using opened = await openStorage();
  const { storage, calls } = opened;
  await storage.transaction(async (tx) => {
    tx.client.set(["a"], 1);
    await storage.outbox.append(tx, messagesOf("a1 b1"));
    tx.client.set(["b"], 1);
    await storage.outbox.append(tx, messagesOf("a2"));
  });
  assert.equal(calls.commits.length, 1);
  assert.equal(calls.commits[0]?.checks, 0);
  assert.equal(calls.commits[0]?.sets.length, 2 + 2 + 1); // the messages of a key stand together
  assert.equal(calls.gets, 1);
  assert.deepEqual(calls.lists, []);
});

Deno.test("transaction() of data alone leaves the outbox alone", async () => {
  using opened = await openStorage();
  await opened.storage.transaction((tx) => tx.client.set(["a"], 1));
  assert.deepEqual(opened.calls.commits[0]?.sets, [["a"]]);
  assert.equal(opened.calls.gets, 0);
});

Deno.test("store() never conflicts, however many write to one key at the same time", async () => {
  using opened = await openStorage();
  const results: boolean[] = [];
  opened.counting.onCommit = async (_, go) => {
    const result = await go();
    results.push(result.ok);
    return result;
  };
  const ids = Array.from({ length: 50 }, (_, n) => `a${n}`);
  await Promise.all(ids.map((id) => opened.storage.outbox.store([messageOf(id)])));
  assert.deepEqual(results, Array(50).fill(true));
  const rows = await readAll(opened.storage.outbox.open({ leaseMs: 1_000 }));
  assert.deepEqual(idsOf(rows).sort(), ids.sort());
});

Deno.test("store() puts a message behind all that was committed before, whatever the clocks say", async () => {
  using opened = await openStorage();
  const { raw, kv, storage } = opened;
  const behind = opened.other({ clock: { ...opened.clock, now: () => 0 } });
  for (const [n, each] of [storage, behind, storage, behind, behind, storage].entries()) {
    await raw.set(["something else"], n);
    await each.outbox.store([messageOf(`a${n}`)]);
  }
  const rows = await readAll(storage.outbox.open({ leaseMs: 1_000 }));
  assert.deepEqual(idsOf(rows), ["a0", "a1", "a2", "a3", "a4", "a5"]);
  assert.ok(kv !== undefined);
});

Deno.test("append() counts what messages need, so that the budget shows what is left", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.transaction(async (tx) => {
    const { client } = tx;
    const before = client.remaining;
    await storage.outbox.append(tx, [messageOf("a1")]);
    const one = client.remaining;
    assert.equal(before.mutations - one.mutations, 2); // the message and the clock
    await storage.outbox.append(tx, [messageOf("a2")]);
    const two = client.remaining;
    assert.equal(one.mutations - two.mutations, 0); // it stands with the first
    assert.equal(one.totalKeyBytes - two.totalKeyBytes, 0);
    assert.ok(one.totalBytes > two.totalBytes);
    assert.equal(before.checks, two.checks);
    await storage.outbox.append(tx, [messageOf("a3", { body: new Uint8Array(20_000) })]);
    const three = client.remaining;
    assert.equal(two.mutations - three.mutations, 1); // there is no room for it with them
    await storage.outbox.append(tx, [messageOf("a4", { body: new Uint8Array(200_000) })]);
    assert.equal(three.mutations - client.remaining.mutations, 1 + 4);
    assert.ok(three.totalBytes - client.remaining.totalBytes > 200_000);
  });
  // What was counted is what there is.
  const [row] = await found(raw, "queue");
  const counted = keySize(row?.key.map(String) ?? []);
  await storage.transaction(async (tx) => {
    await storage.outbox.append(tx, [messageOf("b1")]);
    const before = tx.client.remaining.totalKeyBytes;
    await storage.outbox.append(tx, [messageOf("a5")]);
    assert.equal(before - tx.client.remaining.totalKeyBytes, counted);
  });
});

Deno.test("append() refuses what is too large where it is called, and the transaction goes on", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.transaction(async (tx) => {
    tx.client.set(["a"], 1);
    const before = tx.client.remaining;
    const large = messageOf("a1", { body: new Uint8Array(820_000) });
    await assert.rejects(storage.outbox.append(tx, [messageOf("a0"), large]), {
      code: "transaction_too_large",
      limit: "totalBytes",
    });
    const body = new Uint8Array(17_000); // so that none stands with another
    const many = Array.from({ length: 1_001 }, (_, n) => messageOf(`a${n}`, { body }));
    await assert.rejects(storage.outbox.append(tx, many), { limit: "mutations" });
    const headers = { large: "x".repeat(60_000) };
    await assert.rejects(storage.outbox.append(tx, [messageOf("a1", { headers })]), {
      limit: "valueBytes",
    });
    assert.deepEqual(tx.client.remaining, before);
    await storage.outbox.append(tx, [messageOf("a2")]);
  });
  assert.equal((await raw.get(["a"])).value, 1);
  const rows = await readAll(storage.outbox.open({ leaseMs: 1_000 }));
  assert.deepEqual(idsOf(rows), ["a2"]);
});

Deno.test("append() takes bodies up to what a commit takes, and parts them", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const bodies = [0, 57_000, 60_000, 65_536, 131_072, 700_000, 780_000].map((length) =>
    new Uint8Array(length).map((_, n) => n % 253)
  );
  for (const [n, body] of bodies.entries()) {
    await storage.outbox.store([messageOf(`a${n}`, { body })]);
  }
  const session = storage.outbox.open({ leaseMs: 1_000 });
  const rows = await readAll(session);
  assert.deepEqual(rows.map(({ envelope: { body } }) => body), bodies);
  assert.ok((await found(raw, "body")).length > 20);
  await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  assert.deepEqual(await found(raw, "body"), []);
  assert.deepEqual(await found(raw, "queue"), []);
});

Deno.test("append() that is not awaited is a part of the transaction, in the order of the calls", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const gate = Promise.withResolvers<void>();
  const slow = {
    kind: "notification" as const,
    type: "noted",
    wireType: "noted",
    topic: "notes",
    data: 1,
    metadata: { id: "a1", time: new Date(0), key: "a", headers: {} },
    codec: {
      contentType: "text/plain",
      encode: () => gate.promise.then(() => new Uint8Array(1)),
      decode: () => undefined,
    },
  };
  const transaction = storage.transaction((tx) => {
    void storage.outbox.append(tx, [slow]);
    void storage.outbox.append(tx, messagesOf("a2 a3"));
  });
  gate.resolve();
  await transaction;
  assert.deepEqual(idsOf(await readAll(storage.outbox.open({ leaseMs: 1_000 }))), [
    "a1",
    "a2",
    "a3",
  ]);
});

Deno.test("append() refuses a transaction of another storage, and what is none", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  await assert.rejects(
    opened.other().transaction((tx) => storage.outbox.append(tx, [messageOf("a1")])),
    TypeError,
  );
  const none = { client: undefined } as unknown as Parameters<typeof storage.outbox.append>[0];
  await assert.rejects(storage.outbox.append(none, [messageOf("a1")]), TypeError);
  assert.deepEqual(await found(opened.raw, "queue"), []);
});

Deno.test("append() keeps topics and keys that are no plain text or too long apart", async () => {
  using opened = await openStorage();
  const { storage } = opened;
  const odd = ["a\0b", "\ud800", "\ud801", "x".repeat(500), `${"x".repeat(499)}y`, "", "🛟"];
  const envelopes: Envelope[] = odd.flatMap((topic) =>
    odd.map((key) => messageOf("1", { id: `${topic} ${key}`, topic, key }))
  );
  for (const envelope of envelopes) await storage.outbox.store([envelope]);
  const session = storage.outbox.open({ leaseMs: 1_000, topics: odd.slice(0, 4) });
  const rows = await readAll(session);
  assert.equal(rows.length, 4 * odd.length);
  assert.equal(new Set(rows.map(({ lane }) => lane)).size, 4 * odd.length);
  await session.settle(rows.map((row) => ({
    row,
    outcome: "failed",
    error: "no",
    retryAfterMs: 0,
  })));
  const again = await readAll(session);
  assert.deepEqual(idsOf(again).sort(), idsOf(rows).sort());
  await session[Symbol.asyncDispose]();
  assert.equal((await readAll(storage.outbox.open({ leaseMs: 1_000 }))).length, envelopes.length);
});

Deno.test("KEYS of the tests are those of a storage without a prefix of its own", async () => {
  using opened = await openStorage();
  await opened.storage.outbox.store([messageOf("a1")]);
  assert.ok((await opened.raw.get([...KEYS.clock])).versionstamp !== null);
});

Deno.test("append() takes as many messages as there are bytes for, not keys", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const all = Array.from(
    { length: 2_000 },
    (_, n) => messageOf(`${10_000 + n}`, { key: `k${n % 5}` }),
  );
  await storage.outbox.store(all);
  assert.ok((await found(raw, "queue")).length < 150);
  const session = storage.outbox.open({ leaseMs: 1_000 });
  const rows = await readAll(session, 300);
  assert.deepEqual(idsOf(rows).sort(), all.map(({ id }) => id));
  for (let k = 0; k < 5; k++) {
    const ids = idsOf(rows.filter(({ envelope: { key } }) => key === `k${k}`));
    assert.deepEqual(ids, ids.toSorted());
  }
});

Deno.test("append() puts messages without a key of one call into one partition", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  for (let n = 0; n < 60; n++) await storage.outbox.store(messagesOf("-1 -2 -3"));
  const entries = await found(raw, "queue");
  assert.equal(entries.length, 60);
  assert.ok(new Set(entries.map(({ key }) => key[2])).size > 5);
});
