import assert from "node:assert/strict";
import fc from "fast-check";
import { Heap } from "../../../../src/storage/memory/heap.ts";

const numbers = () => new Heap<number>((a, b) => a < b);

Deno.test("Heap is empty at first", () => {
  const heap = numbers();
  assert.equal(heap.peek(), undefined);
  assert.equal(heap.pop(), undefined);
});

Deno.test("Heap gives the least of what was put in, whatever the order", () => {
  fc.assert(fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 20 }))), (steps) => {
    const heap = numbers();
    const model: number[] = [];
    for (const step of steps) {
      if (step === null) assert.equal(heap.pop(), model.shift());
      else {
        heap.push(step);
        model.push(step);
        model.sort((a, b) => a - b);
      }
      assert.equal(heap.peek(), model[0]);
    }
    while (model.length > 0) assert.equal(heap.pop(), model.shift());
    assert.equal(heap.pop(), undefined);
  }));
});

Deno.test("Heap compares few items, however many there are", () => {
  let comparisons = 0;
  const heap = new Heap<number>((a, b) => {
    comparisons++;
    return a < b;
  });
  for (let n = 0; n < 10_000; n++) heap.push(n);
  assert.ok(comparisons <= 10_000, `${comparisons} comparisons to add what comes in order`);
  comparisons = 0;
  for (let n = 0; n < 10_000; n++) heap.pop();
  assert.ok(comparisons < 10_000 * 2 * Math.log2(10_000), `${comparisons} comparisons to take it`);
});
