/**
 * Handles messages that may have ended a process. One for which it is the last chance is handled while no
 * other is: of those that are under way when a process ends, nobody can tell which has done it.
 */
export class Trials {
  #running = 0;
  #isLast = false;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Runs `work`, when it may. */
  async run<T>(work: () => Promise<T>, { isLast }: { readonly isLast: boolean }): Promise<T> {
    while (this.#isLast || (isLast && this.#running > 0)) await this.#changed.promise;
    this.#running++;
    this.#isLast = isLast;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#isLast = false; // whichever it was
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
