import assert from "node:assert/strict";
import { murmur2, partitioner } from "../../../src/kafka/partitioner.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("murmur2() gives what the tests of Kafka's own client for Java want", () => {
  const wanted: Readonly<Record<string, number>> = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
  };
  for (const [text, hash] of Object.entries(wanted)) assert.equal(murmur2(bytes(text)), hash, text);
});

Deno.test("partitioner() puts a key onto one partition, whatever carries it", () => {
  const { choose } = partitioner();
  const partition = (murmur2(bytes("foobar")) & 0x7fffffff) % 6;
  assert.equal(choose({}, bytes("foobar"), 6), partition);
  assert.equal(choose({}, bytes("foobar"), 6), partition);
});

Deno.test("partitioner() spreads what has no key, and gives the same thing the same place again", () => {
  const { choose } = partitioner();
  const things = [{}, {}, {}, {}];
  const first = things.map((thing) => choose(thing, null, 4));
  assert.deepEqual(first.toSorted(), [0, 1, 2, 3]);
  assert.deepEqual(things.map((thing) => choose(thing, null, 4)), first);
});
