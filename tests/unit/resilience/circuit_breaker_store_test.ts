import assert from "node:assert/strict";
import { memoryCircuitStore } from "../../../src/resilience/circuit_store.ts";
import { assertCallable, assertCalls, breakerOn, fail } from "./circuit_harness.ts";

Deno.test("circuitBreaker() acquires and succeeds without promise or write while healthy", async () => {
  let saves = 0;
  const memory = memoryCircuitStore();
  const { breaker } = breakerOn({
    ...memory,
    save: (...args) => {
      saves++;
      return memory.save(...args);
    },
  });
  const permit = breaker.acquire();
  assert.ok(!(permit instanceof Promise));
  assert.equal(permit.success(), undefined);
  await assertCalls(breaker);
  assert.equal(saves, 0);
});

const OUTAGE = new Error("Store is down");

for (
  const [description, outage] of [
    ["rejects", () => Promise.reject(OUTAGE)],
    ["throws", () => {
      throw OUTAGE;
    }],
  ] as const
) {
  Deno.test(`circuitBreaker() lets calls through while load() ${description}, and reports it`, async () => {
    const errors: unknown[] = [];
    const { breaker } = breakerOn({ ...memoryCircuitStore(), load: outage }, {
      onStoreError: (error) => errors.push(error),
    });
    await assertCalls(breaker);
    await fail(breaker, 5);
    await assertCallable(breaker);
    assert.deepEqual(errors, Array(7).fill(OUTAGE));
  });

  Deno.test(`circuitBreaker() rethrows the error of the call while save() ${description}, and reports it`, async () => {
    const errors: unknown[] = [];
    const { breaker } = breakerOn({ ...memoryCircuitStore(), save: outage }, {
      onStoreError: (error) => errors.push(error),
    });
    await fail(breaker, 5);
    await assertCalls(breaker);
    assert.deepEqual(errors, Array(5).fill(OUTAGE));
  });

  Deno.test(`circuitBreaker() returns the result of the call while save() ${description}`, async () => {
    const store = memoryCircuitStore();
    await store.save("rates", 0, { status: "closed", failures: 1 });
    await assertCalls(breakerOn({ ...store, save: outage }).breaker);
  });

  Deno.test(`circuitBreaker() lets a call through whose trial save() ${description} for`, async () => {
    const store = memoryCircuitStore();
    await store.save("rates", 0, { status: "open", untilMs: 1 });
    await assertCalls(breakerOn({ ...store, save: outage }).breaker);
  });
}

Deno.test("circuitBreaker() gives up a count when load() fails after a conflict", async () => {
  const memory = memoryCircuitStore();
  let loads = 0;
  const errors: unknown[] = [];
  const { breaker } = breakerOn({
    load: (name) => ++loads === 1 ? memory.load(name) : Promise.reject(OUTAGE),
    save: () => false,
  }, { onStoreError: (error) => errors.push(error) });
  await fail(breaker);
  assert.deepEqual(errors, [OUTAGE]);
});
