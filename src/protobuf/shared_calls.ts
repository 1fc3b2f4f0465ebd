/** Calls whose results are kept: who asks for the same at the same time shares one call, and failures are forgotten. */
export class SharedCalls<T> {
  readonly #calls = new Map<string, Promise<T>>();
  readonly #maxEntries: number;

  /** Creates it for `maxEntries` results; the oldest leave first. */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Resolves to what is known under `key`, or to what `load` resolves to. */
  get(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const call = load();
    this.#calls.set(key, call);
    call.catch(() => this.#forget(key, call));
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > this.#maxEntries && oldest !== undefined) this.#calls.delete(oldest);
    return call;
  }

  #forget(key: string, call: Promise<T>): void {
    // Another call may stand there by now, if this one has left as the oldest.
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }
}
