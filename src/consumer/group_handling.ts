import type { AnyMessage } from "../message/mod.ts";
import { type Handled, HandlerFailure } from "./delivery_handler.ts";
import { isConflict } from "./error_code.ts";
import { linkSignals } from "./linked_signal.ts";
import type { Settlement } from "./settlement.ts";
import type { Begun, WorkerParts } from "./worker_parts.ts";

/** A message that was read, and its delivery. */
export interface ReadDelivery extends Begun {
  readonly message: AnyMessage;
}

/** How an attempt to handle deliveries in one transaction has ended. */
export type Outcome =
  | { readonly type: "committed"; readonly handled: readonly Handled[] }
  /** The consumer ends, or the deliveries are lost. */
  | { readonly type: "cancelled" }
  /** Somebody has changed what the transaction had read. */
  | { readonly type: "conflict"; readonly error: unknown; readonly isHandlers: boolean }
  /** The handlers have failed. */
  | { readonly type: "failed"; readonly error: unknown }
  /** They have not, and the storage has refused the transaction. */
  | { readonly type: "refused"; readonly error: unknown }
  /** The storage does not answer. */
  | { readonly type: "outage"; readonly error: unknown };

/** How often a transaction is tried again at once, one conflict after the other. */
const MAX_CONFLICTS = 10;

/** Handles deliveries of one partition in one transaction, until they are settled or left to others. */
export class GroupHandling {
  readonly #parts: WorkerParts;
  readonly #settlement: Settlement;

  constructor(parts: WorkerParts, settlement: Settlement) {
    this.#parts = parts;
    this.#settlement = settlement;
  }

  /** @param around Is called around each attempt. */
  async handle(
    group: readonly ReadDelivery[],
    around: (attempt: () => Promise<Outcome>) => Promise<Outcome> = (attempt) => attempt(),
  ): Promise<void> {
    const { stop, patience } = this.#parts;
    const counts: Counts = { attempts: 0, conflicts: 0, refusals: 0, outages: 0 };
    for (let reads = group;;) {
      const lost = reads.filter(({ delivery }) => stop.aborted || delivery.signal.aborted);
      await this.#settlement.release(lost);
      reads = reads.filter((read) => !lost.includes(read));
      if (reads.length === 0) return;
      const outcome = judged(await around(() => this.#attempt(reads)), counts);
      if (outcome.type === "committed") {
        const deliveries = reads.map(({ delivery }) => delivery);
        return await this.#settlement.done(deliveries, outcome.handled, counts.attempts + 1);
      }
      if (outcome.type === "outage") {
        const signals = reads.map(({ delivery }) => delivery.signal);
        await patience.storageFailed(outcome.error, ++counts.outages, signals);
      } else if (outcome.type === "failed" || outcome.type === "refused") {
        const [read, ...others] = reads;
        if (read === undefined || others.length > 0) return await this.#separate(reads, outcome);
        if (await this.#failed(read, outcome, counts)) return;
      }
    }
  }

  /** One of them is to blame. */
  async #separate(reads: readonly ReadDelivery[], { error }: { error: unknown }): Promise<void> {
    const { settings } = this.#parts;
    settings.report({ type: "batch_failed", size: reads.length, error });
    for (const read of reads) await this.handle([read]);
  }

  /** Waits for the next attempt, or gives the message up. Whether that is the end of it. */
  async #failed(
    read: ReadDelivery,
    { type, error }: { readonly type: "failed" | "refused"; readonly error: unknown },
    counts: Counts,
  ): Promise<boolean> {
    const { settings, tally, patience } = this.#parts;
    const { envelope, signal } = read.delivery;
    // What the storage refuses at the end costs no attempt, and yet it is not tried for ever.
    const count = type === "failed" ? ++counts.attempts : ++counts.refusals;
    const isHopeless = type === "failed" && !settings.isWorthRetrying(error);
    if (count >= settings.maxAttempts || isHopeless) {
      await this.#settlement.bury(read, error, counts.attempts + counts.refusals);
      return true;
    }
    if (type === "refused") {
      await patience.storageFailed(error, count, [signal]);
      return false;
    }
    const retryAfterMs = patience.delayOf(count);
    tally.failed++;
    settings.report({ type: "failed", envelope, error, attempt: count, retryAfterMs });
    await patience.wait(retryAfterMs, [signal]);
    return false;
  }

  async #attempt(reads: readonly ReadDelivery[]): Promise<Outcome> {
    const { limit, handler, cut, settings } = this.#parts;
    const linked = linkSignals(cut, ...reads.map(({ delivery }) => delivery.signal));
    let isBegun = false;
    try {
      const handled = await limit(() => {
        isBegun = true;
        return handler.handle(reads, linked.signal);
      });
      return { type: "committed", handled };
    } catch (error) {
      if (linked.signal.aborted || !isBegun) return { type: "cancelled" };
      const isHandlers = error instanceof HandlerFailure;
      const { cause = error } = isHandlers ? error : {};
      const hasConflicted = isHandlers ? error.isConflict : isConflict(error);
      if (hasConflicted) return { type: "conflict", error: cause, isHandlers };
      // Handlers fail too when their database does. That it answers nothing at all tells it apart.
      const outage = await settings.storage.transaction(() => {}).then(() => false, () => true);
      return { type: outage ? "outage" : isHandlers ? "failed" : "refused", error: cause };
    } finally {
      linked.unlink();
    }
  }
}

interface Counts {
  attempts: number;
  conflicts: number;
  refusals: number;
  outages: number;
}

/** What conflicts again and again is not tried at once for ever. */
function judged(outcome: Outcome, counts: Counts): Outcome {
  if (outcome.type !== "outage") counts.outages = 0;
  if (outcome.type !== "conflict") {
    counts.conflicts = 0;
    return outcome;
  }
  if (++counts.conflicts <= MAX_CONFLICTS) return outcome;
  const { error, isHandlers } = outcome;
  return { type: isHandlers ? "failed" : "refused", error };
}
