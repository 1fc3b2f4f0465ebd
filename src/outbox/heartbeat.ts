import type { Clock } from "../clock.ts";
import { LeaseLostError, type OutboxSession } from "../storage/mod.ts";

/**
 * Says for a session that it lives, several times within its lease, also while something else takes
 * long. A beat that fails is followed by others; whether the lease is lost shows when it is needed.
 */
export class Heartbeat {
  readonly #session: OutboxSession;
  readonly #leaseMs: number;
  readonly #clock: Clock;
  #keptMs: number;
  #isLost = false;
  #cancelTimer: (() => void) | undefined;

  constructor(session: OutboxSession, leaseMs: number, clock: Clock) {
    this.#session = session;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.#keptMs = clock.now();
    this.#schedule();
  }

  /**
   * Resolves when the lease holds long enough to begin something.
   *
   * @throws {LeaseLostError} If it is lost.
   */
  async fresh(): Promise<void> {
    if (this.#isLost) throw new LeaseLostError();
    if (this.#clock.now() - this.#keptMs > this.#leaseMs / 2) await this.#beat();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #schedule(): void {
    this.#cancelTimer = this.#clock.setTimer(() => {
      this.#schedule();
      this.#beat().catch(() => {}); // `fresh` tells
    }, this.#leaseMs / 3);
  }

  async #beat(): Promise<void> {
    const startMs = this.#clock.now();
    try {
      await this.#session.keep();
      this.#keptMs = startMs;
    } catch (error) {
      if (error instanceof LeaseLostError) this.#isLost = true;
      throw error;
    }
  }
}
