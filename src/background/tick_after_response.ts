import { type Clock, systemClock } from "../clock.ts";
import { tickWithin } from "./cron_handler.ts";
import type { Tick } from "./tick.ts";

/** What keeps a process alive behind a response: the context of an edge platform. */
export interface WaitUntilContext {
  /** Has the platform wait for `promise` before it stops the process. */
  waitUntil(promise: Promise<unknown>): void;
}

/** How {@linkcode tickAfterResponse} runs ticks. */
export interface TickAfterResponseOptions {
  /**
   * The budget of a tick, in milliseconds. Platforms grant 30 s behind a response, some less.
   *
   * @default {15_000}
   */
  readonly budgetMs?: number;
  /** How long the tick then has to finish what it has begun, in milliseconds, before its signal aborts. @default {5_000} */
  readonly graceMs?: number;
  /** Is told what a tick failed with; nobody else would see it. It must not throw. */
  readonly onError: (error: unknown) => void;
  /** The clock of the limit. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Makes a function that runs a tick behind a response, where a platform lets work go on with
 * `waitUntil`: what a request has stored leaves at once, without a process of its own. Call it when
 * the request has been handled. One tick runs at a time; what comes meanwhile is done by one more.
 *
 * A platform may end the process all the same. What is left is done by the next tick, so let a cron
 * or a route run one too.
 *
 * @throws {RangeError} If an option is negative.
 *
 * @example Behind each request
 * ```ts
 * import { tickAfterResponse } from "@sluice/cqrs/background";
 * import assert from "node:assert/strict";
 *
 * let ticks = 0;
 * const relay = { tick: () => Promise.resolve({ hasMore: false, ticks: ++ticks }) };
 * const drain = tickAfterResponse(relay, { onError: (error) => assert.fail(String(error)) });
 *
 * // With Hono: api.use(async (c, next) => { await next(); drain(c.executionCtx); });
 * const background: Promise<unknown>[] = [];
 * drain({ waitUntil: (promise) => background.push(promise) });
 * await Promise.all(background);
 * assert.equal(ticks, 1);
 * ```
 */
export function tickAfterResponse(
  job: Tick,
  options: TickAfterResponseOptions,
): (context: WaitUntilContext) => void {
  const { budgetMs = 15_000, graceMs = 5_000, onError, clock = systemClock } = options;
  for (const [name, value] of Object.entries({ budgetMs, graceMs })) {
    if (value >= 0) continue;
    throw new RangeError(`Cannot run ticks: ${name} must be a number from 0, got ${value}`);
  }
  let running: Promise<void> | undefined;
  let isWanted = false;
  async function drain(): Promise<void> {
    while (isWanted) {
      isWanted = false;
      await tickWithin(job, { budgetMs, graceMs, clock }).catch(onError);
    }
    running = undefined;
  }
  return (context) => {
    isWanted = true;
    context.waitUntil(running ??= drain());
  };
}
