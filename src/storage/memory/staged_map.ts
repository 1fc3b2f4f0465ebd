/**
 * A map as a transaction sees it: what it reads stays as it was, and what it writes takes effect at once at
 * its end. Values are replaced, never changed, so that whoever has read one sees whether it is the same.
 */
export class StagedMap<V> {
  readonly #map: Map<string, V>;
  readonly #reads: Map<string, V | undefined> = new Map();
  readonly #writes: Map<string, V | undefined> = new Map();

  constructor(map: Map<string, V>) {
    this.#map = map;
  }

  /** Whether something that was read is another now. */
  get isStale(): boolean {
    return [...this.#reads].some(([key, value]) => this.#map.get(key) !== value);
  }

  get(key: string): V | undefined {
    if (this.#writes.has(key)) return this.#writes.get(key);
    if (!this.#reads.has(key)) this.#reads.set(key, this.#map.get(key));
    return this.#reads.get(key);
  }

  /** `undefined` deletes. */
  set(key: string, value: V | undefined): void {
    this.#writes.set(key, value);
  }

  /** Writes to the map. */
  apply(): void {
    for (const [key, value] of this.#writes) {
      if (value === undefined) this.#map.delete(key);
      else this.#map.set(key, value);
    }
  }
}
