import type { TickReport } from "../background/mod.ts";

/** What a tick of a consumer has done. */
export interface ConsumerReport extends TickReport {
  /** How many messages were handled, each in a transaction that is committed. */
  readonly handled: number;
  /** How many had been handled before. */
  readonly duplicates: number;
  /** How many the application has no handler for. */
  readonly unhandled: number;
  /** How many attempts failed. */
  readonly failed: number;
  /** How many messages were given up. */
  readonly deadLettered: number;
}

/** Counts for a {@linkcode ConsumerReport}. */
export class ConsumerTally {
  handled = 0;
  duplicates = 0;
  unhandled = 0;
  failed = 0;
  deadLettered = 0;

  report(hasMore: boolean): ConsumerReport {
    const { handled, duplicates, unhandled, failed, deadLettered } = this;
    return { hasMore, handled, duplicates, unhandled, failed, deadLettered };
  }
}
