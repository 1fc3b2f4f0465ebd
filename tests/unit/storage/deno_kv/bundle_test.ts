import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type BundledRow,
  bundleOf,
  BundleUnits,
  encodeBundle,
  rowsIn,
  sizeOfOne,
  sizeWith,
} from "../../../../src/storage/deno_kv/bundle.ts";
import { commitToken, FIRST_VERSION, placeOf } from "../../../../src/storage/deno_kv/place.ts";

const token = commitToken();
const place = (n: number) => placeOf(FIRST_VERSION, token, n);

/** A bundle as it is found in a database. */
function found(rows: readonly BundledRow[]) {
  const [first] = rows;
  return {
    key: ["queue", "pair", first?.place ?? ""],
    value: encodeBundle(rows),
    versionstamp: "1",
  };
}

Deno.test("rowsIn() gives what encodeBundle() was given, at its places", () => {
  const row = fc.tuple(fc.nat(3_000), fc.uint8Array({ maxLength: 50 }));
  const rows = fc.uniqueArray(row, { selector: ([n]) => n, minLength: 1, maxLength: 16 });
  fc.assert(fc.property(rows, (numbered) => {
    const all = numbered.sort(([a], [b]) => a - b).map(([n, row]) => ({ place: place(n), row }));
    const { place: at, rows, nonsense } = bundleOf(found(all));
    assert.equal(at, all[0]?.place);
    assert.deepEqual(rows, all);
    assert.equal(nonsense, undefined);
  }));
});

Deno.test("rowsIn() gives nothing of what makes no sense", () => {
  const bytes = encodeBundle([0, 1].map((n) => ({ place: place(n), row: new Uint8Array(5) })));
  const nonsense: unknown[] = [undefined, null, 7, {}, new Uint8Array(0), Uint8Array.of(1)];
  nonsense.push(Uint8Array.of(2, 0, 0, 0, 0, 0, 0), Uint8Array.of(1, 0, 0, 0));
  for (let length = 2; length < bytes.length; length++) {
    if (length !== 12) nonsense.push(bytes.subarray(0, length)); // there the first row ends
  }
  for (const value of nonsense) {
    assert.equal(rowsIn(value, place(0)), undefined);
    const bundle = bundleOf({ key: [place(0)], value, versionstamp: "1" });
    assert.deepEqual([bundle.rows.length, bundle.nonsense], [0, { value }]);
  }
});

Deno.test("rowsIn() never throws, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
    rowsIn(noise, place(0));
    rowsIn(Uint8Array.of(1, ...noise), place(0));
  }));
});

Deno.test("sizeWith() is how large a bundle gets, up to 16 rows and 16 KiB", () => {
  const row = new Uint8Array(100);
  const rows = [{ place: place(0), row }];
  let size = sizeOfOne(row);
  for (let n = 1; n < 16; n++) {
    rows.push({ place: place(n), row });
    const more = sizeWith(size, row);
    assert.ok(more);
    size = more;
    assert.deepEqual(size, { rows: n + 1, bytes: encodeBundle(rows).length });
  }
  assert.equal(sizeWith(size, row), undefined);
  const large = sizeOfOne(new Uint8Array(16_000));
  assert.equal(sizeWith(large, new Uint8Array(371))?.bytes, 16_384);
  assert.equal(sizeWith(large, new Uint8Array(372)), undefined);
});

Deno.test("BundleUnits writes what is left of a bundle together with what becomes of its rows", () => {
  const rows = [0, 1, 2].map((n) => ({ place: place(n), row: Uint8Array.of(n) }));
  const bundle = bundleOf(found(rows));
  const other = bundleOf(found([{ place: place(9), row: Uint8Array.of(9) }]));
  const units = new BundleUnits();
  units.takeOut(bundle, place(1), [{ key: ["first"] }]);
  units.takeOut(undefined, "waiting", [{ key: ["waiting"] }]);
  units.takeOut(other, place(9), []);
  units.takeOut(bundle, place(0), [{ key: ["second"], value: 1 }]);
  assert.deepEqual(units.units(), [
    [
      { key: ["first"] },
      { key: ["second"], value: 1 },
      { key: bundle.key, value: encodeBundle(rows.slice(2)) },
    ],
    [{ key: ["waiting"] }],
    [{ key: other.key }],
  ]);
  assert.equal(bundle.rows.length, 3); // it is not written yet
  units.apply();
  assert.deepEqual(bundle.rows, rows.slice(2));
  assert.deepEqual(other.rows, []);
});
