import assert from "node:assert/strict";
import {
  leaseMsOf,
  listLimitOf,
  maxCountOf,
  maxRowsOf,
  purgeAgeMsOf,
  purgeLimitOf,
} from "../../../src/storage/mod.ts";

const WRONG = [NaN, -1, -Infinity, "7" as unknown as number];

Deno.test("leaseMsOf() takes any finite number above 0", () => {
  for (const leaseMs of [0.5, 1, 30_000]) assert.equal(leaseMsOf({ leaseMs }), leaseMs);
  for (const leaseMs of [...WRONG, 0, Infinity]) {
    assert.throws(() => leaseMsOf({ leaseMs }), RangeError);
  }
});

Deno.test("maxRowsOf() takes positive integers", () => {
  for (const maxRows of [1, 500, Number.MAX_SAFE_INTEGER]) {
    assert.equal(maxRowsOf(maxRows), maxRows);
  }
  for (const maxRows of [...WRONG, 0, 1.5, Infinity]) {
    assert.throws(() => maxRowsOf(maxRows), {
      name: "RangeError",
      message: `Cannot read: maxRows must be a positive integer, got ${maxRows}`,
    });
  }
});

Deno.test("listLimitOf() takes integers from 1 to 1,000, and is 100 if there is none", () => {
  assert.equal(listLimitOf({}), 100);
  for (const limit of [1, 1_000]) assert.equal(listLimitOf({ limit }), limit);
  for (const limit of [...WRONG, 0, 1.5, 1_001, Infinity]) {
    assert.throws(() => listLimitOf({ limit }), RangeError);
  }
});

Deno.test("maxCountOf() takes positive integers and Infinity, and is 10,000 if there is none", () => {
  assert.equal(maxCountOf({}), 10_000);
  for (const maxCount of [1, 1e6, Infinity]) assert.equal(maxCountOf({ maxCount }), maxCount);
  for (const maxCount of [...WRONG, 0, 1.5]) {
    assert.throws(() => maxCountOf({ maxCount }), RangeError);
  }
});

Deno.test("purgeLimitOf() takes positive integers, and is 1,000 if there is none", () => {
  assert.equal(purgeLimitOf({ olderThanMs: 0 }), 1_000);
  for (const limit of [1, 1e6]) assert.equal(purgeLimitOf({ olderThanMs: 0, limit }), limit);
  for (const limit of [...WRONG, 0, 1.5, Infinity]) {
    assert.throws(() => purgeLimitOf({ olderThanMs: 0, limit }), RangeError);
  }
});

Deno.test("purgeAgeMsOf() takes any finite number from 0", () => {
  for (const olderThanMs of [0, 0.5, 1e12]) {
    assert.equal(purgeAgeMsOf({ olderThanMs }), olderThanMs);
  }
  for (const olderThanMs of [...WRONG, Infinity]) {
    assert.throws(() => purgeAgeMsOf({ olderThanMs }), RangeError);
  }
});
