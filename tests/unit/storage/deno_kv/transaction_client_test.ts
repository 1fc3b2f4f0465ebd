import assert from "node:assert/strict";
import type { DenoKvTransactionClient } from "../../../../src/storage/deno_kv/mod.ts";
import { openStorage } from "./support.ts";

/** Runs something with the client of a transaction that is committed. */
async function inTransaction<R>(
  { storage }: Awaited<ReturnType<typeof openStorage>>,
  run: (client: DenoKvTransactionClient) => R | Promise<R>,
): Promise<R> {
  return await storage.transaction((tx) => run(tx.client));
}

Deno.test("DenoKvTransactionClient reads what is committed, with its versionstamp", async () => {
  using opened = await openStorage();
  const { versionstamp } = await opened.raw.set(["a"], { x: [1] });
  const entries = await inTransaction(opened, (client) => client.getMany([["a"], ["none"]]));
  assert.deepEqual(entries, [
    { key: ["a"], value: { x: [1] }, versionstamp },
    { key: ["none"], value: null, versionstamp: null },
  ]);
});

Deno.test("DenoKvTransactionClient gives what it has written, and its reads are copies", async () => {
  using opened = await openStorage();
  await opened.raw.set(["a"], { n: 1 });
  await inTransaction(opened, async (client) => {
    const written = { n: 2 };
    client.set(["b"], written);
    written.n = 3; // too late
    const { value } = await client.get<{ n: number }>(["b"]);
    assert.deepEqual(value, { n: 2 });
    if (value !== null) value.n = 4;
    assert.deepEqual(await client.get(["b"]), { key: ["b"], value: { n: 2 }, versionstamp: null });
    const read = await client.get<{ n: number }>(["a"]);
    if (read.value !== null) read.value.n = 5;
    assert.deepEqual((await client.get(["a"])).value, { n: 1 });
    client.delete(["a"]);
    assert.deepEqual(await client.get(["a"]), { key: ["a"], value: null, versionstamp: null });
  });
  assert.equal((await opened.raw.get(["a"])).value, null);
  assert.deepEqual((await opened.raw.get(["b"])).value, { n: 2 });
});

Deno.test("DenoKvTransactionClient tells keys of different parts apart", async () => {
  using opened = await openStorage();
  const keys = [["1"], [1], [1n], [true], ["true"], [Uint8Array.of(49)], [0], [-0], [NaN], [
    "a",
    "b",
  ], [
    "a,b",
  ], ["ab"]];
  await inTransaction(opened, async (client) => {
    for (const [n, key] of keys.entries()) client.set(key, n);
    for (const [n, key] of keys.entries()) assert.equal((await client.get(key)).value, n);
  });
  assert.equal((await opened.raw.get([1n])).value, 2);
});

Deno.test("DenoKvTransactionClient fails the commit if what it read has changed", async () => {
  using opened = await openStorage();
  for (const change of ["set", "delete", "create"] as const) {
    const key = ["key", change];
    if (change !== "create") await opened.raw.set(key, 1);
    const run = inTransaction(opened, async (client) => {
      await client.get(key);
      await (change === "delete" ? opened.raw.delete(key) : opened.raw.set(key, 1));
      client.set(["written"], 1);
    });
    await assert.rejects(run, { name: "ConcurrencyError", code: "concurrency" });
    assert.equal((await opened.raw.get(["written"])).value, null);
  }
});

Deno.test("DenoKvTransactionClient reads a key once, and checks what it read first", async () => {
  using opened = await openStorage();
  await opened.raw.set(["a"], 1);
  const run = inTransaction(opened, async (client) => {
    const [first, second] = await Promise.all([client.get(["a"]), client.get(["a"])]);
    await opened.raw.set(["a"], 2);
    assert.deepEqual([first, second], Array(2).fill(await client.get(["a"])));
    assert.equal(client.remaining.checks, 99);
    client.set(["b"], 1);
  });
  await assert.rejects(run, { code: "concurrency" });
  assert.equal(opened.calls.gets, 1);
});

Deno.test("DenoKvTransactionClient does not check what it only writes", async () => {
  using opened = await openStorage();
  await inTransaction(opened, async (client) => {
    client.set(["a"], 1);
    await client.get(["a"]);
    await opened.raw.set(["a"], 2);
    assert.equal(client.remaining.checks, 100);
  });
  assert.equal((await opened.raw.get(["a"])).value, 1);
});

Deno.test("DenoKvTransactionClient commits nothing where nothing is written, and does not fail then", async () => {
  using opened = await openStorage();
  await inTransaction(opened, async (client) => {
    await client.get(["a"]);
    await opened.raw.set(["a"], 2);
  });
  assert.equal(opened.calls.commits.length, 0);
});

Deno.test("DenoKvTransactionClient reads any number of keys, ten at a time", async () => {
  using opened = await openStorage();
  for (let n = 0; n < 25; n++) await opened.raw.set(["many", n], n);
  const keys = Array.from({ length: 25 }, (_, n) => ["many", n]);
  const entries = await inTransaction(opened, (client) => client.getMany([...keys, ...keys]));
  assert.deepEqual(entries.map(({ value }) => value), [...keys, ...keys].map(([, n]) => n));
  assert.equal(opened.calls.gets, 3);
});

Deno.test("DenoKvTransactionClient computes with numbers without reading them", async () => {
  using opened = await openStorage();
  await opened.raw.set(["sum"], new Deno.KvU64(5n));
  await inTransaction(opened, async (client) => {
    client.sum(["sum"], 2n);
    client.min(["min"], 7n);
    client.max(["max"], 9n);
    await opened.raw.atomic().sum(["sum"], 10n).commit();
    assert.equal(client.remaining.mutations, 997);
    await assert.rejects(client.get(["sum"]), TypeError);
    client.set(["sum 2"], new Deno.KvU64(3n));
    assert.deepEqual((await client.get(["sum 2"])).value, new Deno.KvU64(3n));
  });
  const values = await opened.raw.getMany([["sum"], ["min"], ["max"], ["sum 2"]]);
  assert.deepEqual(values.map(({ value }) => Object(value).value), [17n, 7n, 9n, 3n]);
});

Deno.test("DenoKvTransactionClient leaves the transaction as it was where it refuses something", async () => {
  using opened = await openStorage();
  await inTransaction(opened, async (client) => {
    client.set(["a"], 1);
    const before = client.remaining;
    const refusals: (() => unknown)[] = [
      () => client.set(["b"], new Uint8Array(65_537)),
      () => client.set(["x".repeat(2_047)], 1),
      () => client.delete(["x".repeat(2_047)]),
      () => client.set(["b"], () => {}),
      () => client.sum(["b"], -1n),
      () => client.sum(["b"], 2n ** 64n),
    ];
    for (const refuse of refusals) assert.throws(refuse);
    await assert.rejects(client.get(["x".repeat(2_047)]), { limit: "keyBytes" });
    await assert.rejects(client.getMany(Array.from({ length: 101 }, (_, n) => [n])), {
      limit: "checks",
      attempted: 101,
    });
    assert.deepEqual(client.remaining, before);
    assert.equal((await client.get(["b"])).value, null);
  });
  assert.equal((await opened.raw.get(["a"])).value, 1);
});

Deno.test("DenoKvTransactionClient throws where a limit is met, before anything is committed", async () => {
  using opened = await openStorage();
  await inTransaction(opened, (client) => {
    const value = "x".repeat(60_000);
    let n = 0;
    assert.throws(() => {
      for (;; n++) client.set(["large", n], value);
    }, { code: "transaction_too_large", limit: "totalBytes", max: 819_200 });
    assert.equal(n, 13);
    assert.ok(client.remaining.totalBytes < 60_000);
  });
  assert.equal((await Array.fromAsync(opened.raw.list({ prefix: ["large"] }))).length, 13);
});

Deno.test("DenoKvTransactionClient has a typed error also for what only the database can tell", async () => {
  using opened = await openStorage();
  // Cut out of wider text, it takes two bytes for each character, which nothing but V8 knows.
  const cut = `€${"x".repeat(40_000)}`.slice(1);
  const run = inTransaction(opened, (client) => {
    client.set(["cut"], cut);
    client.set(["other"], 1);
  });
  await assert.rejects(run, {
    name: "TransactionTooLargeError",
    limit: "valueBytes",
    max: 65_536,
    attempted: undefined,
  });
  assert.equal((await opened.raw.get(["other"])).value, null);
});

Deno.test("DenoKvTransactionClient stores bytes that are a view of more as they are", async () => {
  using opened = await openStorage();
  const view = new Uint8Array(new ArrayBuffer(100_000), 5, 3).fill(7);
  await inTransaction(opened, (client) => client.set(["view"], view));
  assert.deepEqual((await opened.raw.get(["view"])).value, Uint8Array.of(7, 7, 7));
});

Deno.test("DenoKvTransactionClient passes on when a value is to expire", async () => {
  using opened = await openStorage();
  const options: unknown[] = [];
  const { atomic } = opened.kv;
  opened.kv.atomic = () => {
    const operation = atomic();
    const { set } = operation;
    operation.set = (key, value, option) => {
      options.push(option);
      return set(key, value, option);
    };
    return operation;
  };
  await inTransaction(opened, (client) => {
    client.set(["a"], 1, { expireIn: 60_000 });
    client.set(["b"], 1);
  });
  assert.deepEqual(options, [{ expireIn: 60_000 }, {}]);
});

Deno.test("DenoKvTransactionClient takes nothing after its end", async () => {
  using opened = await openStorage();
  const ended: DenoKvTransactionClient[] = [];
  await inTransaction(opened, (client) => void ended.push(client));
  const failed = opened.storage.transaction((tx) => {
    ended.push(tx.client);
    throw new Error("Changed my mind");
  });
  await assert.rejects(failed, /Changed my mind/);
  for (const client of ended) {
    assert.throws(() => client.set(["a"], 1), TypeError);
    assert.throws(() => client.delete(["a"]), TypeError);
    assert.throws(() => client.sum(["a"], 1n), TypeError);
    await assert.rejects(client.get(["a"]), TypeError);
  }
});

Deno.test("DenoKvTransactionClient can read again what it could not read", async () => {
  using opened = await openStorage();
  const { getMany } = opened.kv;
  opened.kv.getMany = () => Promise.reject(new Error("No network"));
  await inTransaction(opened, async (client) => {
    await assert.rejects(client.getMany([["a"], ["b"]]), /No network/);
    assert.equal(client.remaining.checks, 100);
    opened.kv.getMany = getMany;
    assert.equal((await client.get(["a"])).value, null);
    assert.equal(client.remaining.checks, 99);
  });
});
