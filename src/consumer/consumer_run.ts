import { sleep } from "../clock.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../resilience/mod.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import type { Consumption } from "./consumption.ts";

/** How {@linkcode EventConsumer.run} runs. */
export interface RunConsumerOptions {
  /** Ends it, as disposing it does. @default never */
  readonly signal?: AbortSignal;
  /**
   * How long what is under way may take to finish at the end, in milliseconds, before the signals of its
   * handlers abort and it is rolled back; 0 aborts at once, `Infinity` never.
   *
   * @default {3_000}
   */
  readonly graceMs?: number;
  /**
   * The delays before the broker is tried again when it has failed.
   *
   * @default {exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 30_000 })}
   */
  readonly backoff?: Backoff | BackoffOptions;
}

/** A consumer that runs. Disposing it ends it and waits until it has ended. */
export interface RunningConsumer extends AsyncDisposable {
  /** Resolves when it has ended; never rejects. */
  readonly done: Promise<void>;
}

/** Runs a consumer until it is told to end. */
export class ConsumerRun implements RunningConsumer {
  readonly done: Promise<void>;
  readonly #settings: ConsumerSettings;
  readonly #begin: (stop: AbortSignal, cut: AbortSignal) => Consumption;
  readonly #graceMs: number;
  readonly #delayOf: Backoff;
  readonly #stop: AbortController = new AbortController();
  readonly #cut: AbortController = new AbortController();
  #endGrace: (() => void) | undefined;

  constructor(
    settings: ConsumerSettings,
    begin: (stop: AbortSignal, cut: AbortSignal) => Consumption,
    { signal, graceMs = 3_000, backoff = {} }: RunConsumerOptions,
  ) {
    if (!(graceMs >= 0)) {
      throw new RangeError(`Cannot run: graceMs must be a number from 0, got ${graceMs}`);
    }
    this.#settings = settings;
    this.#begin = begin;
    this.#graceMs = graceMs;
    this.#delayOf = typeof backoff === "function"
      ? backoff
      : exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 30_000, ...backoff });
    const onAbort = () => this.#end(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    this.done = this.#run().finally(() => {
      signal?.removeEventListener("abort", onAbort);
      this.#endGrace?.();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new DOMException("The consumer was disposed", "AbortError"));
    await this.done;
  }

  #end(reason: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(reason);
    const { clock } = this.#settings;
    if (this.#graceMs === 0) this.#cut.abort(reason);
    else if (this.#graceMs !== Infinity) {
      this.#endGrace = clock.setTimer(() => this.#cut.abort(reason), this.#graceMs);
    }
  }

  async #run(): Promise<void> {
    const { report, clock } = this.#settings;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      const startedMs = clock.now();
      try {
        await this.#begin(signal, this.#cut.signal).run(); // it ends with the signal, or throws
      } catch (error) {
        // One that has run for long begins anew with short delays.
        failures = clock.now() - startedMs > this.#delayOf(failures + 1) ? 1 : failures + 1;
        const retryAfterMs = this.#delayOf(failures);
        report({ type: "source_failed", error, retryAfterMs });
        await sleep(clock, retryAfterMs, signal).catch(() => {}); // it ends
      }
    }
  }
}
