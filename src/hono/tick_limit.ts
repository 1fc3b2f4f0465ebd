import type { Clock } from "../clock.ts";
import { type Problem, problemOfHandling } from "./problem.ts";

/** Ends a tick when its time is over or its client leaves. */
export class TickLimit {
  readonly #controller = new AbortController();
  readonly #aborted: PromiseWithResolvers<never> = Promise.withResolvers();
  readonly #client: AbortSignal;
  readonly #cancelTimer: () => void;

  constructor(client: AbortSignal, limitMs: number, clock: Clock) {
    this.#client = client;
    this.#cancelTimer = clock.setTimer(() => this.#abort(tickTimeout(limitMs)), limitMs);
    if (client.aborted) this.#onLeave();
    else client.addEventListener("abort", this.#onLeave);
  }

  /** Aborts when the tick has to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Resolves as the tick does, which is not waited for any longer than it may take.
   *
   * @throws The reason of the signal, as soon as it aborts.
   */
  async race<R>(tick: Promise<R>): Promise<R> {
    try {
      return await Promise.race([this.#aborted.promise, tick]);
    } finally {
      this.#cancelTimer();
      this.#client.removeEventListener("abort", this.#onLeave);
    }
  }

  /** Whether an error of the tick has come when it was not waited for any more, and is not about that. */
  isLate(error: unknown): boolean {
    return this.signal.aborted && error !== this.signal.reason;
  }

  /** What the client may know of an error of the tick. */
  problemOf(error: unknown): Problem {
    if (!this.signal.aborted || error !== this.signal.reason) return problemOfHandling(error);
    return this.signal.reason.name === "TimeoutError"
      ? { status: 504, detail: "The tick has not ended in time", code: "tick_timeout" }
      : { status: 499, detail: "The client has left", code: "client_left" };
  }

  readonly #onLeave = () =>
    this.#abort(new DOMException("Cannot go on: the client has left", "AbortError"));

  #abort(reason: DOMException): void {
    this.#controller.abort(reason);
    this.#aborted.reject(reason);
  }
}

function tickTimeout(limitMs: number): DOMException {
  return new DOMException(
    `Cannot wait any longer: the limit of ${limitMs} ms has passed`,
    "TimeoutError",
  );
}
