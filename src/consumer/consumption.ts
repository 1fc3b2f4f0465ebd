import type { Subscription } from "../broker/mod.ts";
import { concurrencyLimit } from "../resilience/mod.ts";
import { IdleWatch } from "./idle_watch.ts";
import { linkSignals } from "./linked_signal.ts";
import { PartitionWorker } from "./partition_worker.ts";
import { Patience } from "./patience.ts";
import { Trials } from "./trials.ts";
import type { WorkerParts } from "./worker_parts.ts";

/** What a {@linkcode Consumption} is given. */
export type ConsumptionParts = Omit<WorkerParts, "limit" | "trials" | "patience">;

/** Reads a subscription, from its beginning to its end. */
export class Consumption {
  readonly #given: ConsumptionParts;
  readonly #workers: Map<string, PartitionWorker> = new Map();
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers();
  #isOver = false;

  constructor(given: ConsumptionParts) {
    this.#given = given;
  }

  /**
   * Handles what comes until `stop` aborts, or nothing has been under way for `idleMs`; then finishes what
   * is under way.
   *
   * @throws What the broker will not recover from, and what functions of the options have thrown.
   */
  async run(idleMs?: number): Promise<void> {
    const { settings: { source, topics, prefetch, clock }, stop } = this.#given;
    if (stop.aborted) return;
    const subscription = source.subscribe({ topics, maxUnsettled: prefetch });
    const ending = new AbortController();
    const onStop = () => this.#over.resolve();
    stop.addEventListener("abort", onStop, { once: true });
    const idle = idleMs === undefined ? undefined : new IdleWatch(clock, idleMs, onStop);
    const linked = linkSignals(stop, ending.signal);
    try {
      this.#read(subscription, this.#partsFor(linked.signal), idle).then(onStop, this.#over.reject);
      await this.#over.promise;
    } finally {
      this.#isOver = true;
      stop.removeEventListener("abort", onStop);
      idle?.close();
      ending.abort();
      await Promise.all([...this.#workers.values()].map((worker) => worker.idle));
      linked.unlink();
      await subscription[Symbol.asyncDispose]();
    }
  }

  #partsFor(stop: AbortSignal): WorkerParts {
    const { settings } = this.#given;
    const gate = concurrencyLimit(settings.concurrency);
    return {
      ...this.#given,
      stop,
      patience: new Patience(settings, stop),
      limit: (work) => gate.run(work, { signal: stop }),
      trials: new Trials(),
    };
  }

  async #read(
    subscription: Subscription,
    parts: WorkerParts,
    idle: IdleWatch | undefined,
  ): Promise<void> {
    idle?.enter();
    await subscription.ready;
    idle?.leave();
    const iterator = subscription[Symbol.asyncIterator]();
    while (!this.#isOver) {
      const next = await iterator.next();
      if (this.#isOver) return; // it comes again
      if (next.done === true) {
        throw new TypeError("Cannot read as the source has ended the subscription");
      }
      this.#workerOf(next.value.partition, parts, idle).add(next.value);
    }
  }

  #workerOf(partition: string, parts: WorkerParts, idle: IdleWatch | undefined): PartitionWorker {
    const known = this.#workers.get(partition);
    if (known !== undefined) return known;
    idle?.enter();
    const worker = new PartitionWorker(parts, (failure) => {
      this.#workers.delete(partition);
      idle?.leave();
      if (failure !== undefined) this.#over.reject(failure.error);
    });
    this.#workers.set(partition, worker);
    return worker;
  }
}
