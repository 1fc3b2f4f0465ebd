/**
 * Policies for calls that can fail or hang: retries with backoff, time limits,
 * circuit breakers and concurrency limits.
 *
 * They wrap plain functions and know nothing of messages. Each takes an
 * `AbortSignal` per call and a clock per policy. A policy changes neither
 * results nor errors: what the wrapped function throws comes out as it is.
 * The state of a circuit can be shared by processes through a
 * {@linkcode CircuitStateStore}; everything else lives in memory.
 *
 * @example A call that is limited, guarded and repeated
 * ```ts
 * import { circuitBreaker, retryAsync, retryPolicy, withDeadline } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const breaker = circuitBreaker({ name: "exchange-rates" });
 * const policy = retryPolicy({ maxAttempts: 3 });
 * const fetchRate = (_signal: AbortSignal) => Promise.resolve(1.1);
 *
 * const rate = await retryAsync(() => breaker.call(() => withDeadline(5_000, fetchRate)), policy);
 * assert.equal(rate, 1.1);
 * ```
 *
 * @module
 */

export { type Backoff, type BackoffOptions, exponentialBackoff } from "./backoff.ts";
export { CircuitOpenError, type CircuitPermit, type CircuitStateChange } from "./circuit.ts";
export {
  type CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerOptions,
} from "./circuit_breaker.ts";
export {
  type CircuitState,
  type CircuitStateStore,
  type CircuitStatus,
  memoryCircuitStore,
  type StoredCircuit,
} from "./circuit_store.ts";
export { type ConcurrencyLimit, concurrencyLimit } from "./concurrency_limit.ts";
export {
  isRetryable,
  retryAsync,
  type RetryCallOptions,
  type RetryInfo,
  type RetryOptions,
  type RetryPolicy,
  retryPolicy,
} from "./retry.ts";
export {
  assertTimeoutMs,
  Deadline,
  type DeadlineOptions,
  type Overrun,
  withDeadline,
} from "./timeout.ts";
