/** Tells those who follow sagas in this process that something was written. */
export class SagaBus {
  readonly #listeners: Map<string, Set<() => void>> = new Map();

  /** Something was written to a saga. */
  notify(id: string): void {
    const listeners = this.#listeners.get(id);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) listener();
  }

  /** Calls `onNews` whenever something is written to a saga; gives a function that ends that. */
  listen(id: string, onNews: () => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(onNews));
    return () => {
      listeners.delete(onNews);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }
}
