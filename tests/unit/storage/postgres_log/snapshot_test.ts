import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSnapshot, sees } from "../../../../src/storage/postgres_log/snapshot.ts";

Deno.test("parseSnapshot() reads what Postgres writes", () => {
  assert.deepEqual(parseSnapshot("10:20:"), { xmin: 10n, xmax: 20n, running: new Set() });
  assert.deepEqual(parseSnapshot("10:20:10,14"), {
    xmin: 10n,
    xmax: 20n,
    running: new Set([10n, 14n]),
  });
});

Deno.test("parseSnapshot() refuses what is no snapshot", () => {
  for (const text of ["", "10", "10:20", "10:20:x", "a:20:", "10:20:1:2"]) {
    assert.throws(() => parseSnapshot(text), TypeError, text);
  }
});

Deno.test("sees() takes what has ended, and nothing that runs or has not begun", () => {
  const snapshot = parseSnapshot("10:20:10,14");
  const seen = [8, 9, 10, 11, 13, 14, 15, 19, 20, 21].filter((xid) => sees(snapshot, xid));
  assert.deepEqual(seen, [8, 9, 11, 13, 15, 19]);
});

Deno.test("sees() knows numbers of which the log has the lower half, also where that begins anew", () => {
  const start = 5n * 2n ** 32n;
  const snapshot = parseSnapshot(`${start - 3n}:${start + 4n}:${start - 3n},${start + 1n}`);
  const lower = (whole: bigint) => Number(BigInt.asUintN(32, whole));
  assert.equal(sees(snapshot, lower(start - 4n)), true);
  assert.equal(sees(snapshot, lower(start - 3n)), false);
  assert.equal(sees(snapshot, lower(start - 1n)), true);
  assert.equal(sees(snapshot, lower(start)), true);
  assert.equal(sees(snapshot, lower(start + 1n)), false);
  assert.equal(sees(snapshot, lower(start + 3n)), true);
  assert.equal(sees(snapshot, lower(start + 4n)), false);
});

Deno.test("sees() says the same of the lower half as of the whole, if that is near", () => {
  const numbers = fc.record({
    xmax: fc.bigInt({ min: 2n ** 33n, max: 2n ** 60n }),
    distance: fc.bigInt({ min: 1n - 2n ** 31n, max: 2n ** 31n - 1n }),
  });
  fc.assert(fc.property(numbers, ({ xmax, distance }) => {
    const snapshot = { xmin: xmax, xmax, running: new Set<bigint>() };
    const lower = Number(BigInt.asUintN(32, xmax + distance));
    assert.equal(sees(snapshot, lower), distance < 0n);
    // The client library reads the number as if it had a sign.
    assert.equal(sees(snapshot, lower | 0), distance < 0n);
  }));
});
