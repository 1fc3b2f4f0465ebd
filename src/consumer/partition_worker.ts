import type { Delivery } from "../broker/mod.ts";
import type { AnyMessage } from "../message/mod.ts";
import { GroupHandling, type Outcome, type ReadDelivery } from "./group_handling.ts";
import { Settlement } from "./settlement.ts";
import { isTransient } from "./transient.ts";
import type { Begun, WorkerParts } from "./worker_parts.ts";

/** How many turns of the event loop's microtasks the next delivery may take to come. */
const TURNS = 20;

/** Handles the deliveries of one partition in their order. */
export class PartitionWorker {
  readonly #parts: WorkerParts;
  readonly #settlement: Settlement;
  readonly #group: GroupHandling;
  readonly #onEnd: (failure: { readonly error: unknown } | undefined) => void;
  readonly #queue: Delivery[] = [];
  #working: Promise<void> | undefined;

  /** @param onEnd Is called when nothing is left, and when something that the application gave has failed. */
  constructor(
    parts: WorkerParts,
    onEnd: (failure: { readonly error: unknown } | undefined) => void,
  ) {
    this.#parts = parts;
    this.#settlement = new Settlement(parts);
    this.#group = new GroupHandling(parts, this.#settlement);
    this.#onEnd = onEnd;
  }

  /** Resolves when nothing is under way; never rejects. */
  get idle(): Promise<void> | undefined {
    return this.#working;
  }

  add(delivery: Delivery): void {
    this.#queue.push(delivery);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    try {
      while (this.#queue.length > 0 && !this.#parts.stop.aborted) {
        await this.#gather();
        await this.#take();
      }
    } catch (error) {
      failure = { error };
    }
    // From the last look at the queue to here nothing can have come.
    this.#queue.length = 0; // what is left comes again
    this.#working = undefined;
    this.#onEnd(failure);
  }

  /** What the broker has sent together is handled together: it comes one by one, without delay. */
  async #gather(): Promise<void> {
    const { prefetch } = this.#parts.settings;
    for (let known = 0; known < this.#queue.length && this.#queue.length < prefetch;) {
      known = this.#queue.length;
      for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
    }
  }

  /** Handles what is there, after a note that it is begun. */
  async #take(): Promise<void> {
    const { settings: { prefetch, batchSize }, stop, reader, trials } = this.#parts;
    const taken = this.#queue.splice(0, prefetch).filter(({ signal }) => !signal.aborted);
    const isWanted = ({ error, envelope }: Delivery) =>
      error !== undefined || reader.handles(envelope);
    const [wanted = [], others = []] = [taken.filter(isWanted), taken.filter((d) => !isWanted(d))];
    for (const delivery of others) await this.#settlement.unhandled(delivery);

    const left: Begun[] = [];
    let batch: ReadDelivery[] = [];
    const flush = async () => {
      const group = batch;
      batch = [];
      await this.#group.handle(group, (attempt) => trials.run(attempt, { isLast: false }));
    };
    for (const begun of await this.#begin(wanted)) {
      if (stop.aborted) left.push(begun);
      else if (begun.starts > 0) {
        await flush();
        await this.#handleSuspect(begun);
      } else {
        const read = await this.#read(begun, (attempt) => attempt(), flush);
        if (read !== undefined && batch.push(read) >= batchSize) await flush();
      }
    }
    await flush();
    await this.#settlement.release(left);
  }

  /** Notes what is begun, and settles what was handled before. */
  async #begin(deliveries: readonly Delivery[]): Promise<readonly Begun[]> {
    const { settings: { storage, consumer }, patience } = this.#parts;
    // Nobody can have died of what is delivered for the first time.
    const counted = deliveries.filter(({ deliveryCount }) => deliveryCount !== 1);
    const ids = counted.map(({ envelope }) => envelope.id);
    const known = ids.length === 0
      ? { result: [] }
      : await patience.insist(() => storage.inbox.begin(consumer, ids));
    if (known === undefined) return [];
    const startOf = new Map(counted.map((delivery, n) => [delivery, known.result[n]]));
    const begun: Begun[] = [];
    const handled: Delivery[] = [];
    for (const delivery of deliveries) {
      const { isHandled = false, starts = 0 } = startOf.get(delivery) ?? {};
      const isCounted = startOf.has(delivery) && starts === 0;
      if (isHandled) handled.push(delivery);
      else begun.push({ delivery, starts, isCounted });
    }
    await this.#settlement.done(handled, [], 0);
    return begun;
  }

  /**
   * Reads a message, or gives it up; what only another attempt can read is tried again, however often.
   *
   * @param around Is called around each attempt; `undefined` if there can be none any more.
   * @param beforeWait Is called before it waits for another attempt.
   */
  async #read(
    begun: Begun,
    around: (attempt: () => Promise<AnyMessage>) => Promise<AnyMessage | undefined>,
    beforeWait: () => Promise<void> = () => Promise.resolve(),
  ): Promise<ReadDelivery | undefined> {
    const { reader, patience, settings: { report }, stop } = this.#parts;
    const { delivery } = begun;
    const { envelope } = delivery;
    for (let attempt = 1; !stop.aborted && !delivery.signal.aborted; attempt++) {
      try {
        if (delivery.error !== undefined) throw delivery.error;
        const message = await around(() => reader.read(envelope));
        if (message === undefined) break;
        return { ...begun, message };
      } catch (error) {
        if (!isTransient(error)) {
          await this.#settlement.bury(begun, error, 0);
          return undefined;
        }
        const retryAfterMs = patience.delayOf(attempt);
        report({ type: "failed", envelope, error, attempt, retryAfterMs });
        await beforeWait();
        await patience.wait(retryAfterMs, [delivery.signal]);
      }
    }
    await this.#settlement.release([begun]);
    return undefined;
  }

  /** A message that was begun before may have ended its process: each time is noted, and they are few. */
  async #handleSuspect(begun: Begun): Promise<void> {
    const { settings: { storage, consumer, maxStarts }, trials, patience } = this.#parts;
    const { delivery: { envelope: { id } }, starts } = begun;
    if (starts >= maxStarts) {
      const error = new Error(`Cannot handle it as it was begun ${starts} times and never ended`);
      return await this.#settlement.bury(begun, error, starts);
    }
    const noted = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
      const isNoted = await patience.insist(() => storage.inbox.beginAgain(consumer, id));
      if (isNoted === undefined) return undefined;
      try {
        return await work();
      } finally {
        // The process lives. Of what was handled meanwhile nothing is counted any more.
        await this.#settlement.release([{ ...begun, isCounted: true }]);
      }
    };
    const isLast = starts + 1 >= maxStarts;
    const trial = <T>(work: () => Promise<T>) => trials.run(() => noted(work), { isLast });
    const read = await this.#read(begun, trial);
    if (read === undefined) return;
    const cancelled: Outcome = { type: "cancelled" };
    await this.#group.handle([read], async (attempt) => await trial(attempt) ?? cancelled);
  }
}
