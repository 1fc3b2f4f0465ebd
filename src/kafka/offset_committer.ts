import type { Clock } from "../clock.ts";

/** Notes how far a group has read: at once, and while that is under way or was done just before, later. */
export class OffsetCommitter {
  readonly #commit: () => Promise<void>;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #isDue = false;

  /** `commit` notes what is to be noted, if anything is, and never rejects. */
  constructor(commit: () => Promise<void>, clock: Clock, intervalMs: number) {
    this.#commit = commit;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** There is something to note. */
  schedule(): void {
    this.#isDue = true;
    if (this.#running === undefined && this.#cancelTimer === undefined) void this.#run();
  }

  /** Notes everything now. */
  async flush(): Promise<void> {
    this.stop();
    await this.#running;
    this.stop();
    await this.#run();
    this.stop();
  }

  /** Forgets what was scheduled. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #run(): Promise<void> {
    this.#isDue = false;
    const running = this.#commit().finally(() => {
      if (this.#running === running) this.#running = undefined;
      this.#cancelTimer ??= this.#clock.setTimer(() => {
        this.#cancelTimer = undefined;
        if (this.#isDue) void this.#run();
      }, this.#intervalMs);
    });
    this.#running = running;
    return running;
  }
}
