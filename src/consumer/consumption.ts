import type { Delivery, Subscription } from "../broker/mod.ts";
import { concurrencyLimit } from "../resilience/mod.ts";
import { PartitionWorker, type WorkerParts } from "./partition_worker.ts";

/** Reads a subscription, from its beginning to its end. */
export class Consumption {
  readonly #parts: WorkerParts;
  readonly #workers: Map<string, PartitionWorker> = new Map();

  constructor(parts: Omit<WorkerParts, "limit">) {
    const { concurrency } = parts.settings;
    const gate = concurrency === Infinity ? undefined : concurrencyLimit(concurrency);
    this.#parts = {
      ...parts,
      limit: (work) => gate === undefined ? work() : gate.run(work),
    };
  }

  /**
   * Handles what comes until `stop` aborts, or `idle` resolves while nothing is under way.
   *
   * @param idle Waits, from when nothing was under way; its signal aborts when something comes.
   * @throws What the broker will not recover from.
   */
  async run(idle?: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { settings: { source, topics, prefetch }, stop } = this.#parts;
    if (stop.aborted) return;
    const subscription = source.subscribe({ topics, maxUnsettled: prefetch });
    const stopped = whenAborted(stop);
    try {
      const isReady = await Promise.race([subscription.ready.then(() => true), stopped.promise]);
      if (isReady === true) await this.#read(subscription, stopped.promise, idle);
    } finally {
      stopped.forget();
      await Promise.all([...this.#workers.values()].map((worker) => worker.idle));
      await subscription[Symbol.asyncDispose]();
    }
  }

  async #read(
    subscription: Subscription,
    stopped: Promise<undefined>,
    idle: ((signal: AbortSignal) => Promise<void>) | undefined,
  ): Promise<void> {
    const iterator = subscription[Symbol.asyncIterator]();
    while (true) {
      const next = iterator.next();
      next.catch(() => {}); // it is raced, and may come too late
      const came = new AbortController();
      const quiet = idle === undefined ? [] : [this.#whenQuiet(idle, came.signal)];
      let result: IteratorResult<Delivery> | undefined;
      try {
        result = await Promise.race([next, stopped, ...quiet]);
      } finally {
        came.abort();
      }
      if (result === undefined || result.done === true) return;
      this.#workerOf(result.value).add(result.value);
    }
  }

  /** Resolves when nothing is under way and nothing has come for a while since then. */
  async #whenQuiet(
    idle: (signal: AbortSignal) => Promise<void>,
    came: AbortSignal,
  ): Promise<undefined> {
    try {
      while (!came.aborted) {
        const working = [...this.#workers.values()].flatMap((worker) => worker.idle ?? []);
        if (working.length === 0) {
          await idle(came);
          return undefined;
        }
        await Promise.all(working);
      }
    } catch {
      // Something came, and whoever waited looks no longer.
    }
    return await new Promise<undefined>(() => {});
  }

  #workerOf({ partition }: Delivery): PartitionWorker {
    const known = this.#workers.get(partition);
    if (known !== undefined) return known;
    const worker = new PartitionWorker(this.#parts);
    this.#workers.set(partition, worker);
    return worker;
  }
}

function whenAborted(signal: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  return { promise, forget: () => signal.removeEventListener("abort", onAbort) };
}
