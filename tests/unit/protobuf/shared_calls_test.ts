import assert from "node:assert/strict";
import { SharedCalls } from "../../../src/protobuf/shared_calls.ts";

Deno.test("SharedCalls makes one call for all who ask for the same, and keeps its result", async () => {
  const calls = new SharedCalls<number>(10);
  const { promise, resolve } = Promise.withResolvers<number>();
  let made = 0;
  const load = () => {
    made++;
    return promise;
  };
  const answers = [calls.get("a", load), calls.get("a", load)];
  resolve(1);
  assert.deepEqual(await Promise.all(answers), [1, 1]);
  assert.equal(await calls.get("a", load), 1);
  assert.equal(made, 1);
  assert.equal(await calls.get("b", () => Promise.resolve(2)), 2);
});

Deno.test("SharedCalls forgets a call that fails, once everybody who asked has heard of it", async () => {
  const calls = new SharedCalls<number>(10);
  const failure = new Error("No");
  const answers = [1, 2].map(() => calls.get("a", () => Promise.reject(failure)));
  for (const answer of answers) await assert.rejects(answer, failure);
  assert.equal(await calls.get("a", () => Promise.resolve(1)), 1);
});

Deno.test("SharedCalls keeps so many results, and the newest of them", async () => {
  const calls = new SharedCalls<number>(2);
  for (const [index, key] of ["a", "b", "c"].entries()) {
    await calls.get(key, () => Promise.resolve(index));
  }
  const again = () => Promise.resolve(9);
  assert.equal(await calls.get("b", again), 1);
  assert.equal(await calls.get("c", again), 2);
  assert.equal(await calls.get("a", again), 9);
});

Deno.test("SharedCalls does not forget the newer call when an older one fails late", async () => {
  const calls = new SharedCalls<number>(1);
  const { promise, reject } = Promise.withResolvers<number>();
  const late = calls.get("a", () => promise);
  await calls.get("b", () => Promise.resolve(2)); // "a" leaves
  await calls.get("a", () => Promise.resolve(1));
  reject(new Error("Late"));
  await assert.rejects(late);
  assert.equal(await calls.get("a", () => Promise.resolve(9)), 1);
});
