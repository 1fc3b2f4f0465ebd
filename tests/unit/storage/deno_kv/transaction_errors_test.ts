import assert from "node:assert/strict";
import {
  refusalOf,
  TransactionTooLargeError,
} from "../../../../src/storage/deno_kv/transaction_errors.ts";

Deno.test("TransactionTooLargeError says in words which limit it is", () => {
  const error = new TransactionTooLargeError("checks", 100, { attempted: 101 });
  assert.equal(
    error.message,
    "Cannot commit so much at once as Deno KV takes 100 checks, and it would have up to 101",
  );
  assert.deepEqual([error.limit, error.max, error.attempted], ["checks", 100, 101]);
  const found = new TransactionTooLargeError("valueBytes", 7);
  assert.equal(
    found.message,
    "Cannot commit so much at once as Deno KV takes 7 bytes in a value",
  );
  assert.equal(found.attempted, undefined);
});

Deno.test("refusalOf() names what Deno KV refuses as too large", async () => {
  using kv = await Deno.openKv(":memory:");
  const many = (
    count: number,
    add: (operation: Deno.AtomicOperation, key: [number]) => unknown,
  ) => {
    const operation = kv.atomic();
    for (let n = 0; n < count; n++) add(operation, [n]);
    return operation;
  };
  const long = "x".repeat(2_000);
  const operations = {
    checks: many(101, (operation, key) => operation.check({ key, versionstamp: null })),
    mutations: many(1_001, (operation, key) => operation.delete(key)),
    totalBytes: many(13, (operation, key) => operation.set(key, new Uint8Array(65_536))),
    totalKeyBytes: many(42, (operation, [n]) => operation.set([n, long], 0)),
    valueBytes: many(1, (operation, key) => operation.set(key, new Uint8Array(65_537))),
    keyBytes: many(1, (operation) => operation.set([long, long], 0)),
  };
  const maxima = [100, 1_000, 819_200, 81_920, 65_536, 2_048];
  for (const [n, [limit, operation]] of Object.entries(operations).entries()) {
    const cause = await operation.commit().then(() => undefined, (error) => error);
    const error = refusalOf(cause);
    assert.ok(error instanceof TransactionTooLargeError, String(cause));
    assert.deepEqual([error.limit, error.max, error.attempted], [limit, maxima[n], undefined]);
    assert.equal(error.cause, cause);
  }
});

Deno.test("refusalOf() names what a denokv server refuses", () => {
  const error = refusalOf(new Error("KV atomic_write request failed: too many checks (max 10)"));
  assert.ok(error instanceof TransactionTooLargeError);
  assert.deepEqual([error.limit, error.max], ["checks", 10]);
});

Deno.test("refusalOf() leaves other errors as they are", () => {
  for (
    const error of [new TypeError("database is locked"), new Error("No network"), "text", null]
  ) {
    assert.equal(refusalOf(error), error);
  }
});
