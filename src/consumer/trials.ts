/**
 * Keeps apart what may have ended a process and all else. A message for which it is the last chance is
 * handled while nothing else is: of what is under way when a process ends, nobody can tell which has done it.
 */
export class Trials {
  #running = 0;
  #isLast = false;
  /** How many wait for their last chance: nothing else begins before. */
  #waiting = 0;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Runs `work`, when it may. */
  async run<T>(work: () => Promise<T>, { isLast }: { readonly isLast: boolean }): Promise<T> {
    if (isLast) this.#waiting++;
    while (this.#isLast || (isLast ? this.#running > 0 : this.#waiting > 0)) {
      await this.#changed.promise;
    }
    if (isLast) this.#waiting--;
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
