import type { Clock } from "../clock.ts";

/** Notices that nothing has been under way for a while. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #busy = 0;
  #cancel: () => void = () => {};
  #isClosed = false;

  constructor(clock: Clock, idleMs: number, onIdle: () => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  /** Something is under way. */
  enter(): void {
    this.#busy++;
    this.#cancel();
  }

  /** It has ended. */
  leave(): void {
    this.#busy--;
    if (this.#busy === 0 && !this.#isClosed) {
      this.#cancel = this.#clock.setTimer(this.#onIdle, this.#idleMs);
    }
  }

  /** Nobody wants to know any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }
}
