import type { AnyMessage } from "../message/mod.ts";
import type { ObserverEvent } from "./observer.ts";

/** Tells the observer how one call went. Made only when there is an observer. */
export class Watch {
  readonly #report: (event: ObserverEvent) => void;
  readonly #now: () => number;
  readonly #message: AnyMessage;
  readonly #startedMs: number;

  constructor(report: (event: ObserverEvent) => void, now: () => number, message: AnyMessage) {
    this.#report = report;
    this.#now = now;
    this.#message = message;
    this.#startedMs = now();
    report({ type: "dispatched", message, handlers: 1 });
  }

  completed(): void {
    this.#report({ type: "completed", message: this.#message, durationMs: this.#elapsedMs() });
  }

  failed(error: unknown): void {
    this.#report({ type: "failed", message: this.#message, durationMs: this.#elapsedMs(), error });
  }

  cancelled(reason: unknown): void {
    this.#report({
      type: "cancelled",
      message: this.#message,
      durationMs: this.#elapsedMs(),
      reason,
    });
  }

  overran(outcome: "fulfilled" | "rejected"): void {
    this.#report({
      type: "overran",
      message: this.#message,
      elapsedMs: this.#elapsedMs(),
      outcome,
    });
  }

  #elapsedMs(): number {
    return this.#now() - this.#startedMs;
  }
}
