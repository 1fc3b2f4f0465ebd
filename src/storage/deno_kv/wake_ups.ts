import type { KvDatabase } from "./kv_database.ts";

/** Calls those who want to know that there may be something to publish. */
export class WakeUps {
  readonly #database: KvDatabase;
  readonly #watches: boolean;
  readonly #subscribers: Set<{ readonly onWake: () => void }> = new Set();

  constructor(database: KvDatabase, watches: boolean) {
    this.#database = database;
    this.#watches = watches;
  }

  /** Calls those of this object. */
  callLocal(): void {
    for (const { onWake } of [...this.#subscribers]) onWake();
  }

  /** Calls those of this object, and of others that watch the database. */
  async callAll(): Promise<void> {
    this.callLocal();
    const { kv, keys } = this.#database;
    if (this.#watches) await this.#database.commit(kv.atomic().set(keys.clock, 0));
  }

  subscribe(onWake: () => void): AsyncDisposable {
    const subscriber = { onWake };
    this.#subscribers.add(subscriber);
    const watch = this.#watches ? this.#watch(onWake) : undefined;
    return {
      [Symbol.asyncDispose]: async () => {
        this.#subscribers.delete(subscriber);
        await watch?.[Symbol.asyncDispose]();
      },
    };
  }

  #watch(onWake: () => void): AsyncDisposable | undefined {
    const { kv, keys } = this.#database;
    const reader = kv.watch?.([keys.clock]).getReader();
    if (reader === undefined) return undefined;
    const reading = (async () => {
      // What it gives first is how things are.
      for (let isFirst = true; !(await reader.read()).done; isFirst = false) {
        if (!isFirst) onWake();
      }
    })().catch(() => {}); // without it relays find messages at their next look
    return {
      async [Symbol.asyncDispose]() {
        await reader.cancel().catch(() => {}); // it has broken before
        await reading;
      },
    };
  }
}
