/// <reference lib="dom" />

const CHANGE_INTERVAL_MS = 1_000;
const PROGRESS_INTERVAL_MS = 15_000;

/** Tells screen readers the news: what changes, and now and then how far it is. */
export class Announcer {
  readonly #region: HTMLElement;
  #spokeMs = performance.now();
  /** Waits to say something, if there is one. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param region An element that is a polite live region. */
  constructor(region: HTMLElement) {
    this.#region = region;
  }

  /** Says it soon. Of several texts in a row only the last is said: the others are old news. */
  say(text: string): void {
    clearTimeout(this.#timer);
    const waitMs = this.#spokeMs + CHANGE_INTERVAL_MS - performance.now();
    this.#timer = setTimeout(() => this.#speak(text), Math.max(0, waitMs));
  }

  /** Says how far it is, unless something was said a short while ago. */
  progress(describe: () => string): void {
    if (this.#timer !== undefined || performance.now() - this.#spokeMs < PROGRESS_INTERVAL_MS) {
      return;
    }
    this.#speak(describe());
  }

  #speak(text: string): void {
    this.#timer = undefined;
    this.#spokeMs = performance.now();
    this.#region.textContent = text;
  }
}
