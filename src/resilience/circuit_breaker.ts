import { type Clock, systemClock } from "../clock.ts";
import {
  Circuit,
  type CircuitPermit,
  type CircuitSettings,
  type CircuitStateChange,
  isPromise,
} from "./circuit.ts";
import { type CircuitStateStore, memoryCircuitStore } from "./circuit_store.ts";

/** Options of {@linkcode circuitBreaker}. */
export interface CircuitBreakerOptions {
  /** The identity of the circuit in its store: one name per dependency that can fail by itself. */
  readonly name: string;
  /** How many failures in a row open the circuit; a positive integer. @default {5} */
  readonly failureThreshold?: number | undefined;
  /**
   * How long the circuit stays open before a trial, in milliseconds, finite.
   * A trial that has not settled after the same time, because its process died,
   * makes room for another. @default {60_000}
   */
  readonly resetTimeoutMs?: number | undefined;
  /**
   * Whether an error speaks against the dependency. Other errors pass through
   * and count as success: the dependency has answered. @default {() => true}
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
  /** Where the state is kept. @default {memoryCircuitStore()} */
  readonly store?: CircuitStateStore | undefined;
  /** The clock that measures `resetTimeoutMs`. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /**
   * Called once for each change that this breaker makes, not for those that
   * other breakers make on a shared store. It must not throw.
   */
  readonly onStateChange?: ((change: CircuitStateChange) => void) | undefined;
  /**
   * Called with what the store throws. A store that fails does not fail calls:
   * the call at hand goes through, and what could not be saved is not counted.
   * It must not throw.
   */
  readonly onStoreError?: ((error: unknown) => void) | undefined;
}

/** Keeps calls away from a dependency that fails. */
export interface CircuitBreaker {
  /** The name of the circuit. */
  readonly name: string;
  /**
   * Calls `run` if the circuit lets it, and settles as it does. The state is
   * written before.
   *
   * A call that throws after `signal` aborted tells nothing about the
   * dependency. So that a dependency that hangs opens its circuit, put its
   * time limit inside `run`.
   *
   * @throws {CircuitOpenError} If the circuit does not let the call through.
   * @throws What `run` throws, unchanged, also when that opens the circuit; or
   * the reason of `signal`, if it aborts before `run` is called.
   */
  call<T>(
    run: () => Promise<T> | T,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;
  /**
   * Asks to make one call whose end {@linkcode CircuitBreaker.call} cannot see,
   * such as the reading of a stream.
   *
   * @throws {CircuitOpenError} Always as a rejection, if the circuit does not let the call through.
   */
  acquire(): Promise<CircuitPermit> | CircuitPermit;
}

/**
 * Creates a circuit breaker: after `failureThreshold` failures in a row it
 * refuses calls for `resetTimeoutMs`, then lets a single one through as a
 * trial, whose outcome closes the circuit or opens it again.
 *
 * A success resets the count of the failures that came before its call began;
 * a call that began while the circuit was closed and ends when it no longer is
 * has no effect. Costs one `load` per call, and a `save` only when something changes.
 *
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Failing fast
 * ```ts
 * import { circuitBreaker } from "@sluice/cqrs";
 * import { ManualClock } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new ManualClock();
 * const breaker = circuitBreaker({ name: "rates", failureThreshold: 1, resetTimeoutMs: 1_000, clock });
 * const fail = () => Promise.reject(new Error("Down"));
 *
 * await assert.rejects(breaker.call(fail), { message: "Down" });
 * await assert.rejects(breaker.call(() => 42), { code: "circuit_open", retryAfterMs: 1_000 });
 * await clock.advance(1_000);
 * assert.equal(await breaker.call(() => 42), 42);
 * ```
 */
export function circuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const settings = validated(options);
  const circuit = new Circuit(settings);
  return {
    name: settings.name,
    call: (run, options) => callThrough(circuit, run, options?.signal),
    acquire: () => circuit.acquire(),
  };
}

async function callThrough<T>(
  circuit: Circuit,
  run: () => Promise<T> | T,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  // Awaiting promises only spares the healthy call two turns of the microtask queue.
  const acquired = circuit.acquire();
  const permit = isPromise(acquired) ? await acquired : acquired;
  let value: T;
  try {
    // The signal may have aborted while the store was asked.
    signal?.throwIfAborted();
    value = await run();
  } catch (error) {
    await (signal?.aborted ? permit.release() : permit.failure(error));
    throw error;
  }
  const written = permit.success();
  if (isPromise(written)) await written;
  return value;
}

function validated(options: CircuitBreakerOptions): CircuitSettings {
  const { name, failureThreshold = 5, resetTimeoutMs = 60_000 } = options;
  if (name === "") throw new RangeError("Cannot create the circuit breaker: name is empty");
  if (!(Number.isInteger(failureThreshold) && failureThreshold >= 1)) {
    throw new RangeError(
      `Cannot create the circuit breaker: failureThreshold must be a positive integer, got ${failureThreshold}`,
    );
  }
  if (!(Number.isFinite(resetTimeoutMs) && resetTimeoutMs > 0)) {
    throw new RangeError(
      `Cannot create the circuit breaker: resetTimeoutMs must be positive and finite, got ${resetTimeoutMs}`,
    );
  }
  return {
    name,
    failureThreshold,
    resetTimeoutMs,
    isFailure: options.isFailure ?? (() => true),
    store: options.store ?? memoryCircuitStore(),
    clock: options.clock ?? systemClock,
    onStateChange: options.onStateChange,
    onStoreError: options.onStoreError,
  };
}
