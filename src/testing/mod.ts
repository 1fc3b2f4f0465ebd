/**
 * What tests of applications and of new backends need: a clock that stands
 * still, and the cases that every implementation of a port must pass.
 *
 * @module
 */

export { ManualClock } from "./manual_clock.ts";
