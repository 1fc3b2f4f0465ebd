import fc from "fast-check";
import assert from "node:assert/strict";
import { serialize } from "node:v8";
import { MAX_VALUE_BYTES } from "../../../../src/storage/deno_kv/limits.ts";
import { valueSize } from "../../../../src/storage/deno_kv/value_size.ts";

/** Values of every kind that Deno KV stores. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withObjectString: false,
  withTypedArray: true,
  withSparseArray: true,
  withBoxedValues: true,
  withUnicodeString: true,
  withNullPrototype: false,
  maxDepth: 4,
});

/** What applications keep: records of text, numbers and times, in lists and in each other. */
const record = fc.record({
  id: fc.uuid(),
  customer: fc.string({ minLength: 5, maxLength: 40 }),
  note: fc.string({ unit: "grapheme", minLength: 10, maxLength: 60 }),
  placedAt: fc.date({ noInvalidDate: true }),
  isPaid: fc.boolean(),
  total: fc.double({ noNaN: true }),
  lines: fc.array(
    fc.record({
      sku: fc.string({ minLength: 12, maxLength: 20 }),
      title: fc.string({ minLength: 20, maxLength: 80 }),
      quantity: fc.nat(),
    }),
    { maxLength: 30 },
  ),
});

/** The size as it is stored, without the bytes around it. */
function trueSize(value: unknown): number {
  return serialize(value).length;
}

Deno.test("valueSize() is never below what V8 writes, whatever the value", () => {
  fc.assert(
    fc.property(anything, (value) => {
      assert.ok(valueSize(value) >= trueSize(value) || value instanceof Uint8Array);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("valueSize() is never below it for what was copied, which V8 holds in another way", () => {
  fc.assert(
    fc.property(anything, (value) => {
      const copy = structuredClone(value);
      assert.ok(valueSize(copy) >= trueSize(copy) || copy instanceof Uint8Array);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("valueSize() is never below what Deno KV counts", async () => {
  using kv = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(anything, async (value) => {
      const filled = (length: number) => ({ value, filling: "x".repeat(length) });
      const room = MAX_VALUE_BYTES - valueSize(filled(60_000));
      const largest = filled(60_000 + room);
      assert.equal(valueSize(largest), MAX_VALUE_BYTES);
      await kv.set(["value"], largest); // it would be refused if it had more
    }),
    { numRuns: 300 },
  );
});

Deno.test("valueSize() is at most 30 % above it for records, and 100 bytes", () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      assert.ok(valueSize(records) >= trueSize(records));
      assert.ok(valueSize(records) <= trueSize(records) * 1.3 + 100);
    }),
    { numRuns: 300 },
  );
});

Deno.test("valueSize() is within 16 bytes for text and exact for bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const size = trueSize(text);
      assert.ok(valueSize(text) >= size && valueSize(text) <= size + 16);
    }),
  );
  assert.equal(valueSize(new Uint8Array(65_536)), 65_536);
  assert.equal(valueSize(new Uint8Array(8).subarray(2, 4)), 2); // they are stored as bytes
});

Deno.test("valueSize() counts what stands behind a view, errors, expressions and circles", () => {
  const circle: Record<string, unknown> = { name: "circle" };
  circle.self = circle;
  const shared = { text: "x".repeat(1_000) };
  const values = [
    [new Uint8Array(new ArrayBuffer(5_000), 10, 1)],
    new Uint16Array(100),
    new ArrayBuffer(100),
    new DataView(new ArrayBuffer(100)),
    new TypeError("Cannot do it", { cause: new Error("why") }),
    /a+b/giu,
    circle,
    [shared, shared, shared],
    Object.assign([1, 2, 3], { name: "list" }),
    [1, , 3], // deno-lint-ignore no-sparse-arrays
    new Array(1_000),
    [1.5, 2, 3],
    -0,
    2n ** 1_000n,
    -(2n ** 64n),
    undefined,
    null,
  ];
  for (const value of values) {
    assert.ok(valueSize(value) >= trueSize(value), String(value));
  }
  assert.ok(valueSize([shared, shared, shared]) < 1_200);
});

Deno.test("valueSize() is an upper bound of a Deno.KvU64, which takes 8 bytes", () => {
  assert.ok(valueSize(new Deno.KvU64(7n)) >= 8);
});
