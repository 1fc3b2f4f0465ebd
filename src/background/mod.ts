/**
 * Work in the background that needs no process of its own: jobs that are done in bounded steps,
 * whoever drives them. A relay of an outbox is one. Here are the drivers: a loop for a process that
 * lives on, a handler for schedulers, and ticks behind the responses of an edge platform; the entry
 * point `hono` has a route.
 *
 * A tick that dies leaves nothing but work for the next one, so that several drivers can drive one
 * job, in one process and in several.
 *
 * @example A loop
 * ```ts
 * import { runTicks } from "@sluice/cqrs/background";
 * import assert from "node:assert/strict";
 *
 * const first = Promise.withResolvers<void>();
 * const job = {
 *   tick() {
 *     first.resolve();
 *     return Promise.resolve({ hasMore: false });
 *   },
 * };
 * const loop = runTicks(job, { intervalMs: 60_000, onError: (error) => assert.fail(String(error)) });
 * await first.promise;
 * await loop[Symbol.asyncDispose]();
 * ```
 *
 * @module
 */

export { cronHandler, type CronHandlerOptions } from "./cron_handler.ts";
export { type DeletionReport, purgeTicks, type PurgeTicksOptions } from "./purge_ticks.ts";
export { runTicks, type RunTicksOptions, type TickLoop, type WakeUps } from "./run_ticks.ts";
export {
  tickAfterResponse,
  type TickAfterResponseOptions,
  type WaitUntilContext,
} from "./tick_after_response.ts";
export type { Tick, TickOptions, TickReport } from "./tick.ts";
