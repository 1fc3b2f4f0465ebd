import assert from "node:assert/strict";
import { memoryStorage, type MemoryTransaction } from "../../../../src/storage/memory/mod.ts";
import { ConcurrencyError } from "../../../../src/storage/mod.ts";
import { message, readAll, SESSION, textOf } from "../../../../src/testing/storage_steps.ts";

const read = (storage: ReturnType<typeof memoryStorage>, key: string) =>
  storage.transaction(({ client }) => client.get(key));

Deno.test("MemoryClient gives what this transaction has written", async () => {
  const storage = memoryStorage();
  await storage.transaction(({ client }) => client.set("kept", 1));
  await storage.transaction(({ client }) => {
    assert.equal(client.get("a"), undefined);
    client.set("a", 1);
    assert.equal(client.get("a"), 1);
    client.set("a", undefined);
    assert.equal(client.get("a"), undefined);
    client.delete("kept");
    assert.equal(client.get("kept"), undefined);
  });
  assert.equal(await read(storage, "kept"), undefined);
});

Deno.test("MemoryClient deletes with the commit, and not with a rollback", async () => {
  const storage = memoryStorage();
  await storage.transaction(({ client }) => client.set("a", 1));
  await assert.rejects(storage.transaction(({ client }) => {
    client.delete("a");
    throw new Error("Changed my mind");
  }));
  assert.equal(await read(storage, "a"), 1);
  await storage.transaction(({ client }) => client.delete("a"));
  assert.equal(await read(storage, "a"), undefined);
});

Deno.test("MemoryClient copies values in and out", async () => {
  const storage = memoryStorage();
  const mine = { list: [1] };
  await storage.transaction(({ client }) => {
    client.set("a", mine);
    mine.list.push(2);
    (client.get("a") as typeof mine).list.push(3);
  });
  mine.list.push(4);
  assert.deepEqual(await read(storage, "a"), { list: [1] });
  (await read(storage, "a") as typeof mine).list.push(5);
  assert.deepEqual(await read(storage, "a"), { list: [1] });
});

Deno.test("MemoryClient refuses what cannot be copied, where it is set", async () => {
  const storage = memoryStorage();
  await assert.rejects(
    storage.transaction(({ client }) => client.set("a", () => {})),
    { name: "DataCloneError" },
  );
});

Deno.test("transaction() fails when what it has read was changed meanwhile, and writes nothing", async () => {
  const change: Record<string, (tx: MemoryTransaction) => void> = {
    set: ({ client }) => client.set("a", 1),
    "set to the same": ({ client }) => client.set("a", 0),
    deleted: ({ client }) => client.delete("a"),
  };
  for (const [what, act] of Object.entries(change)) {
    const storage = memoryStorage();
    await storage.transaction(({ client }) => client.set("a", 0));
    let calls = 0;
    await storage.outbox.subscribe(() => calls++);
    const run = storage.transaction(async (tx) => {
      assert.equal(tx.client.get("a"), 0);
      await storage.transaction(act);
      assert.equal(tx.client.get("a"), 0, "what is read stays as it was first read");
      tx.client.set("b", 1);
      await storage.outbox.append(tx, [message("a1")]);
    });
    await assert.rejects(run, ConcurrencyError, what);
    assert.equal(await read(storage, "b"), undefined);
    assert.equal((await storage.outbox.statistics()).pending, 0);
    assert.equal(calls, 0);
  }
});

Deno.test("transaction() fails when something is there now that was read as missing", async () => {
  const storage = memoryStorage();
  const run = storage.transaction(async ({ client }) => {
    if (client.get("a") !== undefined) return;
    await storage.transaction((other) => other.client.set("a", "theirs"));
    client.set("a", "mine");
  });
  await assert.rejects(run, ConcurrencyError);
  assert.equal(await read(storage, "a"), "theirs");
});

Deno.test("transaction() succeeds when others change what it has written and not read", async () => {
  const storage = memoryStorage();
  await storage.transaction(async ({ client }) => {
    client.set("a", "mine");
    assert.equal(client.get("a"), "mine");
    await storage.transaction((other) => other.client.set("a", "theirs"));
  });
  assert.equal(await read(storage, "a"), "mine");
});

Deno.test("transaction() refuses whatever comes after its end", async () => {
  const storage = memoryStorage();
  const ended: MemoryTransaction[] = [];
  await storage.transaction((tx) => void ended.push(tx));
  await assert.rejects(
    storage.transaction((tx) => {
      ended.push(tx);
      throw new RangeError("Changed my mind");
    }),
    RangeError,
  );
  assert.equal(ended.length, 2);
  for (const tx of ended) {
    assert.throws(() => tx.client.get("a"), TypeError);
    assert.throws(() => tx.client.set("a", 1), TypeError);
    assert.throws(() => tx.client.delete("a"), TypeError);
    await assert.rejects(storage.outbox.append(tx, []), TypeError);
  }
});

Deno.test("append() refuses a message whose encoding outlasts the transaction", async () => {
  const storage = memoryStorage({
    codec: {
      contentType: "text/plain",
      encode: async () => {
        await ended;
        return new Uint8Array(1);
      },
      decode: () => undefined,
    },
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let appending: Promise<void> | undefined;
  await storage.transaction((tx) => {
    appending = storage.outbox.append(tx, [{
      kind: "notification",
      type: "noted",
      wireType: "noted",
      topic: "orders",
      data: {},
      metadata: { id: "1", time: new Date(0), headers: {} },
    }]);
  });
  resolve();
  await assert.rejects(async () => await appending, /Cannot append as the transaction has ended/);
});

Deno.test("append() refuses the transaction of another storage", async () => {
  const storage = memoryStorage();
  const other = memoryStorage();
  await other.transaction(async (tx) => {
    await assert.rejects(storage.outbox.append(tx, [message("a1")]), TypeError);
    const { client } = tx;
    await assert.rejects(other.outbox.append({ client }, [message("a1")]), TypeError);
    await other.outbox.append(tx, [message("a2")]);
  });
  assert.deepEqual((await readAll(other.outbox.open(SESSION))).map(textOf), ["a2"]);
  assert.equal((await storage.outbox.statistics()).pending, 0);
});
