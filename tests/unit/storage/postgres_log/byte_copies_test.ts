import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteCopies } from "../../../../src/storage/postgres_log/byte_copies.ts";

Deno.test("copy() makes bytes that nothing changes but who has them", () => {
  const lists = fc.array(fc.uint8Array({ maxLength: 9_000, size: "max" }), { maxLength: 40 });
  fc.assert(
    fc.property(lists, (all) => {
      const copies = new ByteCopies();
      const wanted = all.map((bytes) => [...bytes]);
      const made = all.map((bytes) => copies.copy(bytes));
      for (const bytes of all) bytes.fill(7);
      assert.deepEqual(made.map((bytes) => [...bytes]), wanted);
      made[0]?.fill(9);
      assert.deepEqual(made.slice(1).map((bytes) => [...bytes]), wanted.slice(1));
    }),
    { numRuns: 30 },
  );
});

Deno.test("copy() lets small bytes share memory, and gives large ones memory of their own", () => {
  const copies = new ByteCopies();
  const [one, other, large] = [300, 400, 10_000].map((length) =>
    copies.copy(new Uint8Array(length))
  );
  assert.equal(one?.buffer, other?.buffer);
  assert.equal(large?.buffer.byteLength, 10_000);
});
