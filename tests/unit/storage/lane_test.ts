import assert from "node:assert/strict";
import fc from "fast-check";
import { anyPartition, laneOf, partitionOf, PARTITIONS } from "../../../src/storage/mod.ts";

Deno.test("laneOf() is the same for messages of one topic and key", () => {
  const lane = laneOf({ topic: "users", key: "u1", id: "1" });
  assert.equal(laneOf({ topic: "users", key: "u1", id: "2" }), lane);
  assert.ok(lane.startsWith("="));
});

Deno.test("laneOf() is another one for each message without a key", () => {
  const lane = laneOf({ topic: "users", id: "1" });
  assert.equal(laneOf({ topic: "users", key: undefined, id: "1" }), lane);
  assert.notEqual(laneOf({ topic: "users", id: "2" }), lane);
  assert.ok(!lane.startsWith("="));
});

Deno.test("laneOf() takes no topic, key and id for another, whatever they say", () => {
  const characters = fc.constantFrom("1", "2", ":", "=", "#", "a", "é", "🛟", '"', "\\");
  const text = fc.string({ unit: characters, maxLength: 4 });
  const parts = fc.record({ topic: text, key: fc.option(text, { nil: undefined }), id: text });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const isSame = a.topic === b.topic && a.key === b.key &&
        (a.key !== undefined || a.id === b.id);
      assert.equal(laneOf(a) === laneOf(b), isSame);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("partitionOf() gives each key the partition that it has always had", () => {
  // Other numbers would tear apart the lanes of databases that are in use.
  const partitions = [
    "",
    "a",
    "b",
    "m1",
    "user-42",
    "é",
    "🛟",
    "0190a8b0-0000-7000-8000-000000000001",
  ]
    .map(partitionOf);
  assert.deepEqual(partitions, [10, 10, 14, 4, 6, 13, 3, 5]);
});

Deno.test("partitionOf() spreads keys evenly, whatever they have in common", () => {
  const families: Array<(n: number) => string> = [
    (n) => `${n}`,
    (n) => `user-${n}`,
    (n) => `${n}0000`,
    (n) => String.fromCharCode(n),
    (n) => "0190a8b0-0000-7000-8000-" + n.toString(16).padStart(12, "0"),
  ];
  for (const keyOf of families) {
    const counts = Array.from({ length: PARTITIONS }, () => 0);
    for (let n = 0; n < 16_000; n++) {
      const partition = partitionOf(keyOf(n));
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    assert.equal(counts.length, PARTITIONS, "a partition beyond the last one");
    assert.ok(Math.min(...counts) > 700, `${keyOf(1)}: ${counts}`);
    assert.ok(Math.max(...counts) < 1_300, `${keyOf(1)}: ${counts}`);
  }
});

Deno.test("anyPartition() gives all of them, and no other", () => {
  const seen = new Set<number>();
  for (let n = 0; n < 2_000; n++) seen.add(anyPartition());
  assert.deepEqual([...seen].sort((a, b) => a - b), [...Array(PARTITIONS).keys()]);
});
