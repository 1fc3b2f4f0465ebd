import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, laterOf, parseLsn } from "../../../../src/storage/postgres_log/lsn.ts";

Deno.test("parseLsn() reads what Postgres writes, with and without leading zeros", () => {
  assert.equal(parseLsn("0/0"), 0n);
  assert.equal(parseLsn("0/153FFF0"), 0x153fff0n);
  assert.equal(parseLsn("16/B374D848"), 0x16_b374d848n);
  assert.equal(parseLsn("00000016/0000D848"), 0x16_0000d848n);
  assert.equal(parseLsn("ffffffff/ffffffff"), 0xffffffff_ffffffffn);
});

Deno.test("parseLsn() refuses what is no place", () => {
  for (const text of ["", "0", "/", "0/", "/0", "0/g", "0/1/2", "0/123456789", " 0/0", "-1/0"]) {
    assert.throws(() => parseLsn(text), TypeError, text);
  }
});

Deno.test("formatLsn() writes what parseLsn() reads", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 0xffffffff_ffffffffn }), (lsn) => {
    assert.equal(parseLsn(formatLsn(lsn)), lsn);
  }));
});

Deno.test("formatLsn() writes as Postgres does", () => {
  assert.equal(formatLsn(0n), "0/0");
  assert.equal(formatLsn(0x16_00b374d8n), "16/B374D8");
});

Deno.test("laterOf() gives the greater one, also beyond 2^53", () => {
  assert.equal(laterOf(2n ** 53n, 2n ** 53n + 1n), 2n ** 53n + 1n);
  assert.equal(laterOf(3n, 2n), 3n);
});
