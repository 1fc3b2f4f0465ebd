import assert from "node:assert/strict";
import type { CircuitStateChange } from "../../../src/resilience/circuit.ts";
import {
  type CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerOptions,
} from "../../../src/resilience/circuit_breaker.ts";
import {
  type CircuitStateStore,
  memoryCircuitStore,
} from "../../../src/resilience/circuit_store.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { slowCircuitStore } from "./slow_circuit_store.ts";

export const RESET_MS = 1_000;

/** Registers a test that runs once with a store that answers at once, and once with a slow one. */
export function testOnEachStore(
  name: string,
  run: (store: CircuitStateStore) => Promise<void>,
): void {
  Deno.test(`circuitBreaker() ${name} (memory store)`, () => run(memoryCircuitStore()));
  Deno.test(`circuitBreaker() ${name} (shared store)`, () => run(slowCircuitStore()));
}

/** A breaker that opens at the third failure, on a clock of its own. */
export function breakerOn(store: CircuitStateStore, options: Partial<CircuitBreakerOptions> = {}) {
  const clock = new ManualClock(1_700_000_000_000);
  const changes: CircuitStateChange[] = [];
  const breaker = circuitBreaker({
    name: "rates",
    failureThreshold: 3,
    resetTimeoutMs: RESET_MS,
    store,
    clock,
    onStateChange: (change) => changes.push(change),
    ...options,
  });
  return { breaker, clock, changes };
}

export async function fail(breaker: CircuitBreaker, times = 1): Promise<void> {
  for (let time = 1; time <= times; time++) {
    const error = new Error(`Failure ${time}`);
    await assert.rejects(breaker.call(() => Promise.reject(error)), (thrown) => thrown === error);
  }
}

export function assertRefuses(breaker: CircuitBreaker, retryAfterMs: number): Promise<void> {
  const result = breaker.call(() => assert.fail("It was called"));
  return assert.rejects(result, { name: "CircuitOpenError", circuit: "rates", retryAfterMs });
}

export async function assertCalls(breaker: CircuitBreaker): Promise<void> {
  assert.equal(await breaker.call(() => "answer"), "answer");
}

/** A call that is in flight until it is told to end. */
export function callInFlight(breaker: CircuitBreaker, signal?: AbortSignal) {
  const gate = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  const result = breaker.call(() => {
    started.resolve();
    return gate.promise;
  }, { signal });
  return { started: started.promise, result, succeed: gate.resolve, fail: gate.reject };
}

/** Acquires and gives back, which leaves the count as it is. */
export async function assertCallable(breaker: CircuitBreaker): Promise<void> {
  await (await breaker.acquire()).release();
}
