/** How what is asked for is done, alone and together. */
export interface GroupWork<I, R> {
  /** So many are done alone, at the same time, before others are done together. */
  readonly maxAlone: number;
  /** What it is about: two items of one key are never done together. */
  readonly keyOf: (item: I) => string;
  /** How much it is, in characters or bytes. */
  readonly sizeOf: (item: I) => number;
  /** Does one. */
  readonly one: (item: I) => Promise<R>;
  /** Does several: all of it or nothing, with an answer for each. */
  readonly many: (items: readonly I[]) => Promise<readonly R[]>;
  /** Whether an error of `many` tells that nothing was done, so that each may be done alone. */
  readonly isUndone: (error: unknown) => boolean;
}

/** How many are done together at the most. */
const MAX_ITEMS = 100;
/** How much is done together at the most: to make a large statement blocks the process. */
const MAX_SIZE = 256 * 1024;
/** How many turns of the queue of microtasks those take who were answered together until they ask again. */
const TURNS = 50;

interface Waiting<I, R> {
  readonly item: I;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Does alone what is asked for while little is being done, and together what is asked for beyond that. */
export class Grouping<I, R> {
  readonly #work: GroupWork<I, R>;
  #waiting: Waiting<I, R>[] = [];
  #alone = 0;
  #isBusy = false;

  constructor(work: GroupWork<I, R>) {
    this.#work = work;
  }

  run(item: I): Promise<R> {
    if (this.#alone < this.#work.maxAlone) return this.#atOnce(item);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isBusy) void this.#drain();
    });
  }

  async #atOnce(item: I): Promise<R> {
    this.#alone++;
    try {
      return await this.#work.one(item);
    } finally {
      this.#alone--;
    }
  }

  async #drain(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      for (let turn = 0; turn < TURNS; turn++) await undefined;
      const batch = this.#next();
      const [first, ...others] = batch;
      if (first !== undefined && others.length === 0) await this.#doAlone(first);
      else await this.#together(batch);
    }
    this.#isBusy = false;
  }

  /** The first of each key, in their order, as far as they fit; the others go on waiting. */
  #next(): Waiting<I, R>[] {
    const { keyOf, sizeOf } = this.#work;
    const keys = new Set<string>();
    const batch: Waiting<I, R>[] = [];
    const others: Waiting<I, R>[] = [];
    let size = 0;
    for (const waiting of this.#waiting) {
      const key = keyOf(waiting.item);
      size += sizeOf(waiting.item);
      const fits = batch.length === 0 ||
        (batch.length < MAX_ITEMS && size <= MAX_SIZE && !keys.has(key));
      keys.add(key);
      (fits ? batch : others).push(waiting);
    }
    this.#waiting = others;
    return batch;
  }

  async #doAlone({ item, resolve, reject }: Waiting<I, R>): Promise<void> {
    await this.#work.one(item).then(resolve, reject);
  }

  async #together(batch: readonly Waiting<I, R>[]): Promise<void> {
    try {
      const results = await this.#work.many(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, n) => resolve(results[n] as R));
    } catch (error) {
      const isUndone = this.#work.isUndone(error);
      for (const waiting of batch) {
        if (!isUndone) waiting.reject(error);
        else void this.#doAlone(waiting); // which may take long, so others do not wait for it
      }
    }
  }
}
