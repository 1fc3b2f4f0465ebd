/**
 * Work in the background that needs no process of its own: jobs that are done in bounded steps,
 * whoever drives them.
 *
 * @module
 */

export type { Tick, TickOptions, TickReport } from "./tick.ts";
