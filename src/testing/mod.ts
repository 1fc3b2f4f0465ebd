/**
 * What tests of applications and of new backends need: a clock that stands
 * still, and the cases that every implementation of a port must pass.
 *
 * @module
 */

export { circuitStoreCases, type CircuitStoreHarness } from "./circuit_store_cases.ts";
export { type ConformanceCase, ConformanceError, expectSame } from "./conformance_case.ts";
export { ManualClock } from "./manual_clock.ts";
