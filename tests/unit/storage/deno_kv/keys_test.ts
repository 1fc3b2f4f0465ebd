import fc from "fast-check";
import assert from "node:assert/strict";
import { keySize } from "../../../../src/storage/deno_kv/key_size.ts";
import { Keys, keyText, pairNamed, pairOf } from "../../../../src/storage/deno_kv/keys.ts";

Deno.test("keyText() leaves ordinary text as it is", () => {
  for (const text of ["", "orders", "user events", "a/b", "é€🛟", "x".repeat(200)]) {
    assert.equal(keyText(text), text);
  }
});

Deno.test("keyText() stands for any text by a short one, and for no two by the same", async () => {
  const texts = new Set<string>([
    "x".repeat(201),
    "x".repeat(202),
    "€".repeat(67),
    "\ud800",
    "\ud801",
    "\ufffd",
    "a\0b",
    "a\0",
    "",
  ]);
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
    texts.add(text);
  }));
  // What stands for a text may itself be somebody's text.
  for (const text of [...texts]) texts.add(await keyText(text));
  const names = new Set<string>();
  for (const text of texts) {
    const name = await keyText(text);
    assert.ok(name.isWellFormed());
    assert.ok(keySize([name]) <= 202);
    names.add(name);
  }
  assert.equal(names.size, texts.size);
});

Deno.test("pairNamed() is the pair that has a name", () => {
  for (const topic of ["", "orders", "a/b", "\u0001"]) {
    for (const partition of [0, 9, 15]) {
      const pair = pairOf(topic, partition);
      assert.deepEqual(pairNamed(pair.name), pair);
    }
  }
});

Deno.test("Keys keep the partitions of a topic together, apart from those of others", async () => {
  using kv = await Deno.openKv(":memory:");
  const keys = new Keys(["p"]);
  const topics = ["", "a", "a\u0001", "a\u0001b", "ab", "b"];
  for (const topic of topics) {
    for (const partition of [0, 5, 15]) {
      await kv.set(keys.row(pairOf(topic, partition), "place"), 0);
      await kv.set(keys.ticket(pairOf(topic, partition), { dueMs: 1, lane: "l", id: "i" }), 0);
    }
  }
  for (const topic of topics) {
    const found = await Array.fromAsync(kv.list(keys.topic(topic)));
    const names = found.map(({ key }) => pairNamed(String(key[keys.depth])).topic);
    assert.deepEqual(names, Array(6).fill(topic));
    const [behind] = await Array.fromAsync(
      kv.list({ prefix: keys.queue, start: keys.behindTopic(topic) }, { limit: 1 }),
    );
    const next = topics[topics.indexOf(topic) + 1];
    assert.equal(behind && pairNamed(String(behind.key[keys.depth])).topic, next);
  }
});

Deno.test("Keys put the tickets of a partition behind its rows, in the order of their times", async () => {
  using kv = await Deno.openKv(":memory:");
  const keys = new Keys([]);
  const pair = pairOf("orders", 3);
  const all = [
    keys.row(pair, "0"),
    keys.row(pair, "z"),
    keys.ticket(pair, { dueMs: 5, lane: "z", id: "1" }),
    keys.ticket(pair, { dueMs: 40, lane: "a", id: "1" }),
    keys.ticket(pair, { dueMs: 40, lane: "a", id: "2" }),
  ];
  for (const key of all.toReversed()) await kv.set([...key], 0);
  const found = await Array.fromAsync(kv.list({ prefix: [...keys.partition(pair)] }));
  assert.deepEqual(found.map(({ key }) => key), all);
  const due = await Array.fromAsync(kv.list({
    start: [...keys.ticketsFrom(pair, -Infinity)],
    end: [...keys.ticketsFrom(pair, 40)],
  }));
  assert.equal(due.length, 1);
});
