import assert from "node:assert/strict";
import { denoKvStorage } from "../../../../src/storage/deno_kv/mod.ts";
import { idsOf, messagesOf, openStorage, readAll } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

Deno.test("denoKvStorage() keeps storages with different prefixes apart", async () => {
  using opened = await openStorage();
  const prefixes = [["a"], ["a2"], ["b", 1], ["b", 2n], ["b", Uint8Array.of(0)]];
  const storages = prefixes.map((prefix) => opened.other({ prefix }));
  for (const [n, storage] of storages.entries()) {
    await storage.migrate();
    await storage.outbox.store(messagesOf(`a${n}`));
  }
  for (const [n, storage] of storages.entries()) {
    const session = storage.outbox.open(SESSION);
    assert.deepEqual(idsOf(await readAll(session)), [`a${n}`]);
  }
  assert.deepEqual(await readAll(opened.storage.outbox.open(SESSION)), []);
});

Deno.test("denoKvStorage() leaves what others have in the database alone", async () => {
  using opened = await openStorage();
  await opened.raw.set(["mine"], 1);
  await opened.raw.set(["sluice 2"], 1);
  const storage = denoKvStorage(opened.kv);
  await storage.migrate();
  await storage.outbox.store(messagesOf("a1"));
  await readAll(storage.outbox.open(SESSION));
  for await (const { key } of opened.raw.list({ prefix: [] })) {
    assert.ok(["mine", "sluice 2", "sluice"].includes(String(key[0])));
  }
});

Deno.test("denoKvStorage() refuses a prefix that leaves no room for keys", () => {
  const kv = {} as Parameters<typeof denoKvStorage>[0];
  assert.throws(() => denoKvStorage(kv, { prefix: ["x".repeat(256)] }), RangeError);
  denoKvStorage(kv, { prefix: ["x".repeat(250)] });
});

Deno.test("transaction() of a storage with a long prefix and long names still fits", async () => {
  using opened = await openStorage({ prefix: ["x".repeat(250)] });
  const { storage } = opened;
  const [topic, key] = ["t".repeat(900), "k".repeat(900)];
  await storage.outbox.store(messagesOf("a1 b1", { topic, key }));
  const session = storage.outbox.open(SESSION);
  const rows = await readAll(session);
  await session.settle(
    rows.map((row) => ({ row, outcome: "dead", error: "no", continues: false })),
  );
  assert.equal(await storage.outbox.deadLetters.requeue(["a1", "b1"]), 2);
  assert.equal((await readAll(session)).length, 2);
});
