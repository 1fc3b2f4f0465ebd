import { type Clock, systemClock } from "../clock.ts";
import type { Tick, TickReport } from "./tick.ts";

/** How {@linkcode cronHandler} runs a tick. */
export interface CronHandlerOptions<R extends TickReport = TickReport> {
  /**
   * The budget of a tick, in milliseconds. It should be below the time from one run to the next, as
   * most schedulers skip a run while the one before goes on.
   *
   * @default {50_000}
   */
  readonly budgetMs?: number;
  /** How long the tick then has to finish what it has begun, in milliseconds, before its signal aborts. @default {5_000} */
  readonly graceMs?: number;
  /** Is told what the tick reports. @default nobody */
  readonly onReport?: (report: R) => void;
  /** The clock of the limit. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Makes a function of a job that a scheduler calls from time to time, such as `Deno.cron` or the
 * `scheduled` event of Workers. Each call is one tick. It rejects if that fails, so that the scheduler
 * knows.
 *
 * @throws {RangeError} If an option is negative.
 *
 * @example Every minute
 * ```ts
 * import { cronHandler } from "@sluice/cqrs/background";
 * import assert from "node:assert/strict";
 *
 * const purge = { tick: () => Promise.resolve({ hasMore: false, deleted: 3 }) };
 * let deleted = 0;
 * const handler = cronHandler(purge, { onReport: (report) => deleted += report.deleted });
 * // Deno.cron("purge", "* * * * *", handler);
 * await handler();
 * assert.equal(deleted, 3);
 * ```
 */
export function cronHandler<R extends TickReport>(
  job: Tick<R>,
  options: CronHandlerOptions<R> = {},
): () => Promise<void> {
  const { budgetMs = 50_000, graceMs = 5_000, onReport, clock = systemClock } = options;
  for (const [name, value] of Object.entries({ budgetMs, graceMs })) {
    if (value >= 0) continue;
    throw new RangeError(`Cannot make a handler: ${name} must be a number from 0, got ${value}`);
  }
  return async () => {
    const report = await tickWithin(job, { budgetMs, graceMs, clock });
    onReport?.(report);
  };
}

/** Runs a tick whose signal aborts when its grace is over. */
export async function tickWithin<R extends TickReport>(
  job: Tick<R>,
  { budgetMs, graceMs, clock }: {
    readonly budgetMs: number;
    readonly graceMs: number;
    readonly clock: Clock;
  },
): Promise<R> {
  const limit = new AbortController();
  const cancelTimer = clock.setTimer(() => {
    const passed = `the limit of ${budgetMs + graceMs} ms has passed`;
    limit.abort(new DOMException(`Cannot wait any longer: ${passed}`, "TimeoutError"));
  }, budgetMs + graceMs);
  try {
    return await job.tick({ budgetMs, signal: limit.signal });
  } finally {
    cancelTimer();
  }
}
