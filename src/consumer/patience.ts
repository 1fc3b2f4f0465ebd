import { sleep } from "../clock.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import { linkSignals } from "./linked_signal.ts";

/** Waits for what will come back, unless the consumer ends. */
export class Patience {
  readonly #settings: ConsumerSettings;
  readonly #stop: AbortSignal;

  constructor(settings: ConsumerSettings, stop: AbortSignal) {
    this.#settings = settings;
    this.#stop = stop;
  }

  /** Does what the database has to do, however often it takes; `undefined` if the consumer ends before. */
  async insist<T>(run: () => Promise<T>): Promise<{ readonly result: T } | undefined> {
    for (let failures = 1;; failures++) {
      try {
        return { result: await run() };
      } catch (error) {
        if (this.#stop.aborted) return undefined;
        await this.storageFailed(error, failures);
        if (this.#stop.aborted) return undefined;
      }
    }
  }

  /** Says that the storage has failed, and waits until it may be tried again. */
  async storageFailed(
    error: unknown,
    failures: number,
    signals: readonly AbortSignal[] = [],
  ): Promise<void> {
    const retryAfterMs = this.delayOf(failures);
    this.#settings.report({ type: "storage_failed", error, retryAfterMs });
    await this.wait(retryAfterMs, signals);
  }

  /** The delay before the next attempt. */
  delayOf(failures: number): number {
    return Math.max(0, this.#settings.backoff(failures));
  }

  /** Waits, until the consumer ends or one of the signals aborts. */
  async wait(durationMs: number, signals: readonly AbortSignal[] = []): Promise<void> {
    const { signal, unlink } = linkSignals(this.#stop, ...signals);
    await sleep(this.#settings.clock, durationMs, signal).catch(() => {}); // it ends
    unlink();
  }
}
