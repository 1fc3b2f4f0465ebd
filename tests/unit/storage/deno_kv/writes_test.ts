import fc from "fast-check";
import assert from "node:assert/strict";
import { addWrites, partsOf, type Unit } from "../../../../src/storage/deno_kv/writes.ts";

const write = fc.tuple(fc.nat(1_500), fc.option(fc.nat(65_536), { nil: undefined }));

Deno.test("partsOf() makes parts that Deno KV commits, keeps units whole and their order", async () => {
  using kv = await Deno.openKv(":memory:");
  let n = 0;
  const unit = fc.array(write, { minLength: 1, maxLength: 8 }).map((writes): Unit =>
    writes.map(([keyBytes, valueBytes]) => ({
      key: [n++, "x".repeat(keyBytes)],
      ...(valueBytes === undefined ? {} : { value: new Uint8Array(valueBytes) }),
    }))
  );
  await fc.assert(
    fc.asyncProperty(fc.array(unit, { maxLength: 60 }), async (units) => {
      const parts = partsOf(units);
      assert.deepEqual(parts.flat(), units.flat());
      for (const part of parts) {
        const operation = kv.atomic().check({ key: ["relay"], versionstamp: null });
        addWrites(operation, part);
        assert.equal((await operation.commit()).ok, true);
      }
      for (const unit of units) {
        assert.equal(parts.filter((part) => unit.some((write) => part.includes(write))).length, 1);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("partsOf() makes no more parts than it has to, and one of nothing", () => {
  assert.deepEqual(partsOf([]), [[]]);
  const deletes = (count: number) => Array.from({ length: count }, (_, n): Unit => [{ key: [n] }]);
  assert.equal(partsOf(deletes(999)).length, 1);
  assert.equal(partsOf(deletes(1_000)).length, 2);
  const sets = (count: number) =>
    Array.from({ length: count }, (_, n): Unit => [{ key: [n], value: new Uint8Array(65_536) }]);
  assert.equal(partsOf(sets(12)).length, 1);
  assert.equal(partsOf(sets(13)).length, 2);
});
