import type { SagaHost } from "../mediator/mod.ts";
import type { SagaRun } from "./saga_run.ts";

/** Says from time to time that the sagas of this process are being gone on with, all of them at once. */
export class Keeper {
  readonly #host: SagaHost;
  readonly #leaseMs: number;
  readonly #runs: Map<string, SagaRun> = new Map();
  #cancelTimer: (() => void) | undefined;

  constructor(host: SagaHost, leaseMs: number) {
    this.#host = host;
    this.#leaseMs = leaseMs;
  }

  /** The run of a saga in this process, if there is one. */
  find(id: string): SagaRun | undefined {
    return this.#runs.get(id);
  }

  add(run: SagaRun): void {
    this.#runs.set(run.id, run);
    this.#cancelTimer ??= this.#setTimer();
  }

  remove(run: SagaRun): void {
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
    if (this.#runs.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** A third of the lease: two can be missed. */
  #setTimer(): () => void {
    return this.#host.clock.setTimer(() => {
      this.#cancelTimer = undefined;
      void this.#keep().finally(() => {
        if (this.#runs.size > 0) this.#cancelTimer ??= this.#setTimer();
      });
    }, this.#leaseMs / 3);
  }

  async #keep(): Promise<void> {
    const latestMs = this.#host.clock.now() - this.#leaseMs / 3;
    const silent = [...this.#runs.values()]
      .filter(({ keptAtMs, isWriting }) => keptAtMs <= latestMs && !isWriting)
      .map((run) => ({ run, id: run.id, revision: run.revision }));
    if (silent.length === 0) return;
    let holds: Awaited<ReturnType<SagaHost["store"]["keep"]>>;
    try {
      holds = await this.#host.store.keep(silent, this.#leaseMs);
    } catch (error) {
      for (const { run: { id, program: { name } } } of silent) {
        this.#host.report?.({ type: "saga_left", id, name, error });
      }
      return;
    }
    for (const [n, { run, revision }] of silent.entries()) {
      // One that has been written meanwhile has another revision by right.
      if (run.isWriting || run.revision !== revision || run.end !== undefined) continue;
      const hold = holds[n];
      if (hold === undefined) run.lose();
      else run.kept(hold);
    }
  }
}
