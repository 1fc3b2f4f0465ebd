import assert from "node:assert/strict";
import { CircuitOpenError } from "../../../src/resilience/circuit.ts";
import { circuitBreaker } from "../../../src/resilience/circuit_breaker.ts";
import { memoryCircuitStore } from "../../../src/resilience/circuit_store.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import {
  assertCallable,
  assertCalls,
  assertRefuses,
  breakerOn,
  callInFlight,
  fail,
  RESET_MS,
  testOnEachStore,
} from "./circuit_harness.ts";

testOnEachStore("returns the values of calls that succeed", async (store) => {
  const { breaker, changes } = breakerOn(store);
  for (let time = 0; time < 10; time++) await assertCalls(breaker);
  assert.deepEqual(changes, []);
});

testOnEachStore(
  "rethrows the error of every call up to the threshold, then opens",
  async (store) => {
    const { breaker, changes } = breakerOn(store);
    await fail(breaker, 2);
    assert.deepEqual(changes, []);
    await fail(breaker);
    assert.deepEqual(changes, [{ circuit: "rates", from: "closed", to: "open" }]);
    await assertRefuses(breaker, RESET_MS);
  },
);

testOnEachStore("counts a synchronous throw as a failure", async (store) => {
  const { breaker } = breakerOn(store, { failureThreshold: 1 });
  const thrower = () => {
    throw new Error("Failure");
  };
  await assert.rejects(breaker.call(thrower), { message: "Failure" });
  await assertRefuses(breaker, RESET_MS);
});

testOnEachStore("starts the count anew after a success", async (store) => {
  const { breaker } = breakerOn(store);
  await fail(breaker, 2);
  await assertCalls(breaker);
  await fail(breaker, 2);
  await assertCalls(breaker);
});

testOnEachStore("tells how long calls are still refused", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(400);
  await assertRefuses(breaker, 600);
  await clock.advance(599);
  await assertRefuses(breaker, 1);
});

testOnEachStore("refuses all of five concurrent calls while open", async (store) => {
  const { breaker } = breakerOn(store);
  await fail(breaker, 3);
  await Promise.all(Array.from({ length: 5 }, () => assertRefuses(breaker, RESET_MS)));
});

testOnEachStore(
  "passes errors through that are no failures, and never opens for them",
  async (store) => {
    const { breaker, changes } = breakerOn(store, {
      isFailure: (error) => !(error instanceof RangeError),
    });
    for (let time = 0; time < 10; time++) {
      const error = new RangeError("Business rule");
      await assert.rejects(breaker.call(() => Promise.reject(error)), (thrown) => thrown === error);
    }
    assert.deepEqual(changes, []);
  },
);

testOnEachStore("counts a call that throws after its signal aborted as neither", async (store) => {
  const { breaker } = breakerOn(store);
  await fail(breaker, 2);
  const controller = new AbortController();
  const call = callInFlight(breaker, controller.signal);
  await call.started;
  controller.abort();
  call.fail(new Error("Aborted"));
  await assert.rejects(call.result, { message: "Aborted" });
  await fail(breaker);
  await assertRefuses(breaker, RESET_MS);
});

testOnEachStore("counts a call as success that returns after its signal aborted", async (store) => {
  const { breaker } = breakerOn(store);
  await fail(breaker, 2);
  const controller = new AbortController();
  const call = callInFlight(breaker, controller.signal);
  await call.started;
  controller.abort();
  call.succeed("answer");
  assert.equal(await call.result, "answer");
  await fail(breaker, 2);
  await assertCalls(breaker);
});

testOnEachStore(
  "rejects with the reason of a signal that has aborted also while open",
  async (store) => {
    const { breaker } = breakerOn(store);
    await fail(breaker, 3);
    const result = breaker.call(() => "answer", { signal: AbortSignal.abort("Enough") });
    await assert.rejects(result, (error) => error === "Enough");
  },
);

testOnEachStore("saves one new count for several concurrent successes", async (store) => {
  const { breaker } = breakerOn(store);
  await fail(breaker);
  await Promise.all([assertCalls(breaker), assertCalls(breaker), assertCalls(breaker)]);
  assert.equal((await store.load("rates"))?.version, 2);
});

testOnEachStore(
  "does not start the count anew for a call that began before the failures",
  async (store) => {
    const { breaker } = breakerOn(store);
    const early = await breaker.acquire();
    await fail(breaker, 2);
    await early.success();
    await fail(breaker);
    await assertRefuses(breaker, RESET_MS);
  },
);

testOnEachStore("counts every one of concurrent failures", async (store) => {
  const { breaker, changes } = breakerOn(store, { failureThreshold: 20 });
  const failures = (count: number) =>
    Promise.allSettled(
      Array.from({ length: count }, () => breaker.call(() => Promise.reject(new Error("Down")))),
    );
  await failures(19);
  assert.deepEqual(changes, []);
  await failures(1);
  assert.equal(changes.length, 1);
});

testOnEachStore(
  "changes once when more concurrent calls fail than the threshold",
  async (store) => {
    const { breaker, changes } = breakerOn(store);
    const errors = Array.from({ length: 10 }, (_, index) => new Error(`Failure ${index}`));
    const outcomes = await Promise.allSettled(
      errors.map((error) => breaker.call(() => Promise.reject(error))),
    );
    assert.deepEqual(outcomes, errors.map((reason) => ({ status: "rejected", reason })));
    assert.deepEqual(changes, [{ circuit: "rates", from: "closed", to: "open" }]);
  },
);

testOnEachStore("settles a permit once, with the first settlement", async (store) => {
  const { breaker } = breakerOn(store, { failureThreshold: 2 });
  const permit = await breaker.acquire();
  await permit.failure(new Error("Failure"));
  await permit.failure(new Error("Failure"));
  await permit.success();
  await permit.release();
  await assertCallable(breaker);
  await fail(breaker, 1);
  await assertRefuses(breaker, RESET_MS);
});

testOnEachStore("opens for a stream that fails repeatedly under permits", async (store) => {
  const { breaker } = breakerOn(store);
  async function* stream(): AsyncGenerator<number> {
    const permit = await breaker.acquire();
    try {
      yield 1;
      throw new Error("Stream broke");
    } catch (error) {
      await permit.failure(error);
      throw error;
    } finally {
      await permit.release();
    }
  }
  for (let time = 0; time < 3; time++) {
    await assert.rejects(Array.fromAsync(stream()), { message: "Stream broke" });
  }
  await assert.rejects(Array.fromAsync(stream()), CircuitOpenError);
});

testOnEachStore("keeps circuits of different names on one store apart", async (store) => {
  const { breaker } = breakerOn(store);
  const { breaker: other } = breakerOn(store, { name: "other" });
  await fail(breaker, 3);
  await assertRefuses(breaker, RESET_MS);
  await assertCalls(other);
});

testOnEachStore("shares a circuit between breakers of one name on one store", async (store) => {
  const { breaker, clock } = breakerOn(store);
  const { breaker: same } = breakerOn(store, { clock });
  await fail(breaker, 2);
  await fail(same);
  await assertRefuses(breaker, RESET_MS);
  await assertRefuses(same, RESET_MS);
  await clock.advance(RESET_MS);
  const trial = callInFlight(breaker);
  await trial.started;
  await assertRefuses(same, RESET_MS);
  trial.succeed("trial");
  await trial.result;
  await assertCalls(same);
});

Deno.test("circuitBreaker() keeps breakers without a store apart, even of one name", async () => {
  const breaker = circuitBreaker({ name: "rates", failureThreshold: 1 });
  const same = circuitBreaker({ name: "rates" });
  await fail(breaker);
  await assert.rejects(breaker.call(() => "answer"), CircuitOpenError);
  await assertCalls(same);
});

Deno.test("circuitBreaker() opens at the fifth failure for a minute by default", async () => {
  const clock = new ManualClock();
  const breaker = circuitBreaker({ name: "rates", clock });
  await fail(breaker, 5);
  await assertRefuses(breaker, 60_000);
});

Deno.test("circuitBreaker() refuses with a rejection, never synchronously", async () => {
  const { breaker } = breakerOn(memoryCircuitStore());
  await fail(breaker, 3);
  const acquired = breaker.acquire();
  assert.ok(acquired instanceof Promise);
  await assert.rejects(acquired, CircuitOpenError);
});

Deno.test("CircuitOpenError tells the circuit and the time to wait", () => {
  const error = new CircuitOpenError("rates", 1_500, { cause: "a cause" });
  assert.equal(error.name, "CircuitOpenError");
  assert.equal(error.code, "circuit_open");
  assert.equal(error.message, 'Cannot call through circuit "rates": open, retry in 1500 ms');
  assert.equal(error.circuit, "rates");
  assert.equal(error.retryAfterMs, 1_500);
  assert.equal(error.cause, "a cause");
});

for (
  const [options, message] of [
    [{ name: "" }, "name is empty"],
    [{ failureThreshold: 0 }, "failureThreshold must be a positive integer, got 0"],
    [{ failureThreshold: 1.5 }, "failureThreshold must be a positive integer, got 1.5"],
    [{ failureThreshold: Infinity }, "failureThreshold must be a positive integer, got Infinity"],
    [{ resetTimeoutMs: 0 }, "resetTimeoutMs must be positive and finite, got 0"],
    [{ resetTimeoutMs: NaN }, "resetTimeoutMs must be positive and finite, got NaN"],
    [{ resetTimeoutMs: Infinity }, "resetTimeoutMs must be positive and finite, got Infinity"],
  ] as const
) {
  Deno.test(`circuitBreaker() refuses options: ${message}`, () => {
    assert.throws(() => circuitBreaker({ name: "rates", ...options }), {
      name: "RangeError",
      message: `Cannot create the circuit breaker: ${message}`,
    });
  });
}
