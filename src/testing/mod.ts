/**
 * What tests of applications and of new backends need: a clock that stands
 * still, and the cases that every implementation of a port must pass.
 *
 * A case is a value with a name, so that any test runner can show each as a
 * test of its own. Time in them is manual; none sleeps.
 *
 * @example The cases of a port, on its implementation in memory
 * ```ts
 * import { memoryCircuitStore } from "@sluice/cqrs";
 * import { circuitStoreCases } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * for (const { name, run } of circuitStoreCases) {
 *   const store = memoryCircuitStore();
 *   await run({ store, second: () => store, async [Symbol.asyncDispose]() {} });
 *   assert.ok(name.length > 0);
 * }
 * ```
 *
 * @module
 */

export type { BrokerHarness } from "./broker_harness.ts";
export { circuitStoreCases, type CircuitStoreHarness } from "./circuit_store_cases.ts";
export { type ConformanceCase, ConformanceError, expectSame } from "./conformance_case.ts";
export { inboxCases } from "./inbox_cases.ts";
export { ManualClock } from "./manual_clock.ts";
export { outboxCases } from "./outbox_cases.ts";
export { publisherCases } from "./publisher_cases.ts";
export { replayLogCases } from "./replay_log_cases.ts";
export type { ReplayLogHarness } from "./replay_log_harness.ts";
export { sagaStoreCases } from "./saga_cases.ts";
export { sourceCases } from "./source_cases.ts";
export { storageCases } from "./storage_cases.ts";
export type { StorageHarness } from "./storage_harness.ts";
export type { StorageCase } from "./storage_steps.ts";
