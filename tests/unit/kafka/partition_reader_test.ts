import assert from "node:assert/strict";
import { PartitionReader } from "../../../src/kafka/partition_reader.ts";
import type { IncomingRecord } from "../../../src/kafka/kafka_record.ts";

function record(offset: number, bytes = 10): IncomingRecord {
  const value = new Uint8Array(bytes);
  return { offset: BigInt(offset), key: null, value, headers: [], timestampMs: 0 };
}

function readerOf(...offsets: number[]): PartitionReader {
  const reader = new PartitionReader("topic", 0);
  reader.add(offsets.map((offset) => record(offset)), BigInt((offsets.at(-1) ?? -1) + 1));
  return reader;
}

function taken(reader: PartitionReader) {
  const found = reader.take();
  assert.ok(found);
  return { offset: found.record.offset, lost: found.lost };
}

Deno.test("PartitionReader.settled follows what is settled without a gap", () => {
  const reader = readerOf(5, 6, 7);
  const [five, six, seven] = [taken(reader), taken(reader), taken(reader)];
  assert.equal(reader.settled, 5n);
  reader.settle(seven.offset, seven.lost);
  reader.settle(five.offset, five.lost);
  assert.equal(reader.settled, 6n);
  reader.settle(six.offset, six.lost);
  assert.equal(reader.settled, 8n);
});

Deno.test("PartitionReader.settled passes over offsets that hold no message", () => {
  const reader = new PartitionReader("topic", 0);
  reader.add([record(1), record(4)], 9n);
  const [one, four] = [taken(reader), taken(reader)];
  reader.settle(one.offset, one.lost);
  assert.equal(reader.settled, 4n);
  reader.settle(four.offset, four.lost);
  assert.equal(reader.settled, 9n);
});

Deno.test("PartitionReader.settle() takes an offset once, and only of the delivery that is open", () => {
  const reader = readerOf(0);
  const first = taken(reader);
  assert.equal(reader.takeBack(first.offset, first.lost), true);
  const second = taken(reader);
  assert.equal(reader.settle(first.offset, first.lost), false);
  assert.equal(reader.settle(second.offset, second.lost), true);
  assert.equal(reader.settle(second.offset, second.lost), false);
});

Deno.test("PartitionReader.takeBack() brings again what was delivered from there on, and no other", () => {
  const reader = readerOf(0, 1, 2, 3, 4);
  const [zero, one, two, three] = [taken(reader), taken(reader), taken(reader), taken(reader)];
  reader.settle(two.offset, two.lost);
  reader.takeBack(one.offset, one.lost);
  assert.deepEqual([zero, one, three].map(({ lost }) => lost.signal.aborted), [false, true, true]);
  assert.equal(reader.settled, 0n);
  assert.deepEqual([taken(reader), taken(reader), taken(reader)].map(({ offset }) => offset), [
    1n,
    3n,
    4n,
  ]);
});

Deno.test("PartitionReader.add() drops what it has already", () => {
  const reader = readerOf(0, 1);
  reader.add([record(1), record(2)], 3n);
  assert.deepEqual([0, 1, 2].map(() => taken(reader).offset), [0n, 1n, 2n]);
  assert.equal(reader.take(), undefined);
  assert.equal(reader.next, 3n);
});

Deno.test("PartitionReader.waitingBytes counts what is not delivered", () => {
  const reader = readerOf(0, 1);
  assert.equal(reader.waitingBytes, 20);
  const first = taken(reader);
  assert.equal(reader.waitingBytes, 10);
  reader.takeBack(first.offset, first.lost);
  assert.equal(reader.waitingBytes, 20);
});

Deno.test("PartitionReader.lose() aborts what is open, and has nothing any more", () => {
  const reader = readerOf(0, 1);
  const first = taken(reader);
  reader.lose();
  assert.equal(first.lost.signal.aborted, true);
  assert.equal(reader.settle(first.offset, first.lost), false);
  assert.equal(reader.take(), undefined);
});
