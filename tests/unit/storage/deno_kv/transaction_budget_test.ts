import assert from "node:assert/strict";
import { keySize } from "../../../../src/storage/deno_kv/key_size.ts";
import {
  COMMIT_BUDGET,
  costOfCheck,
  costOfDelete,
  costOfSet,
  type DenoKvBudget,
  TransactionBudget,
} from "../../../../src/storage/deno_kv/transaction_budget.ts";

/** Keys of some size, each another one. */
function keyOf(n: number, bytes: number): string[] {
  return [String(n).padStart(bytes - 2, "0")];
}

/** How many costs fit into a budget. */
function countOf(cost: (n: number) => DenoKvBudget): number {
  const budget = new TransactionBudget();
  for (let n = 0;; n++) {
    try {
      budget.spend(cost(n));
    } catch (error) {
      assert.equal(Object(error).code, "transaction_too_large");
      return n;
    }
  }
}

Deno.test("TransactionBudget takes what Deno KV commits at once, and no more than that", async () => {
  using kv = await Deno.openKv(":memory:");
  const sizes = [10, 80, 81, 82, 100, 500, 2_000];
  for (const bytes of sizes) {
    const deletes = countOf((n) => costOfDelete(keyOf(n, bytes)));
    const operation = kv.atomic();
    for (let n = 0; n < deletes; n++) operation.delete(keyOf(n, bytes));
    assert.equal((await operation.commit()).ok, true);
    for (const valueBytes of [0, 100, 1_000, 65_536]) {
      const sets = countOf((n) => costOfSet(keyOf(n, bytes), valueBytes));
      const exact = kv.atomic();
      for (let n = 0; n < sets; n++) exact.set(keyOf(n, bytes), new Uint8Array(valueBytes));
      assert.equal((await exact.commit()).ok, true);
      exact.set(keyOf(sets, bytes), new Uint8Array(valueBytes));
      await assert.rejects(exact.commit(), /Too many|too large/);
    }
  }
});

Deno.test("TransactionBudget takes 100 checks", () => {
  assert.equal(countOf((n) => costOfCheck(keyOf(n, 100))), 100);
  assert.equal(countOf((n) => costOfCheck(keyOf(n, 2_048))), 100);
});

Deno.test("TransactionBudget says which limit is exceeded, what it is and what was attempted", () => {
  const tooLarge = (limit: string, max: number, attempted: number, act: () => unknown) =>
    assert.throws(act, { name: "TransactionTooLargeError", limit, max, attempted });
  const budget = new TransactionBudget();
  tooLarge("keyBytes", 2_048, 2_049, () => costOfCheck(keyOf(0, 2_049)));
  tooLarge("keyBytes", 2_048, 2_049, () => costOfDelete(keyOf(0, 2_049)));
  tooLarge("valueBytes", 65_536, 65_537, () => costOfSet(["a"], 65_537));
  tooLarge("checks", 100, 101, () => budget.spend(Array(101).fill(costOfCheck(["a"]))));
  tooLarge("mutations", 1_000, 1_001, () => budget.spend(Array(1_001).fill(costOfDelete(["a"]))));
  tooLarge(
    "totalKeyBytes",
    81_920,
    82_000,
    () => budget.spend(Array(41).fill(costOfDelete(keyOf(0, 2_000)))),
  );
  tooLarge(
    "totalBytes",
    819_200,
    13 * (65_536 + 2 * keySize(["a"])),
    () => budget.spend(Array(13).fill(costOfSet(["a"], 65_536))),
  );
  assert.deepEqual(budget.remaining, COMMIT_BUDGET);
});

Deno.test("TransactionBudget tells what remains, and can be given back", () => {
  const budget = new TransactionBudget();
  const costs = [costOfCheck(["a"]), costOfSet(["bb"], 7), costOfDelete(["ccc"])];
  budget.spend(costs);
  assert.deepEqual(budget.remaining, {
    checks: 99,
    mutations: 998,
    totalBytes: 819_200 - 3 - (2 * 4 + 7) - 5,
    totalKeyBytes: 81_920 - 4 - 5,
  });
  for (const cost of costs) budget.refund(cost);
  assert.deepEqual(budget.remaining, COMMIT_BUDGET);
});
