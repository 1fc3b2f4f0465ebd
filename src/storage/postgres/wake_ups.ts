import type { PostgresClient } from "./client.ts";

/** Tells those who wait that there may be something to publish. */
export class WakeUps {
  readonly #client: PostgresClient;
  readonly #channel: string;
  readonly #notifies: boolean;
  readonly #subscribers: Set<{ readonly onWake: () => void }> = new Set();
  #count = 0;
  #sending: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** With `notifies`, other processes are told as well, and tell. */
  constructor(
    client: PostgresClient,
    { channel, notifies }: { readonly channel: string; readonly notifies: boolean },
  ) {
    this.#client = client;
    this.#channel = channel;
    this.#notifies = notifies;
  }

  /** How often somebody was told something. */
  get count(): number {
    return this.#count;
  }

  /**
   * Tells those of this process at once. The others are told in a transaction of its own, as one with
   * a notification makes all others wait that have one; nobody waits for that, as it is a hint.
   */
  wake(): void {
    this.#call();
    this.#notify().catch(() => {}); // whoever misses it looks again after a while
  }

  /** As {@linkcode WakeUps.wake}, for whoever wants to know that it was done. */
  async wakeAll(): Promise<void> {
    this.#call();
    await this.#notify();
  }

  async subscribe(onWake: () => void): Promise<AsyncDisposable> {
    const listening = this.#notifies ? await this.#listen(onWake) : undefined;
    const subscriber = { onWake };
    this.#subscribers.add(subscriber);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#subscribers.delete(subscriber);
        await listening?.[Symbol.asyncDispose]();
      },
    };
  }

  #call(): void {
    this.#count++;
    for (const { onWake } of [...this.#subscribers]) onWake();
  }

  /** Whoever comes while a notification is being sent shares the next one. */
  #notify(): Promise<void> {
    if (!this.#notifies) return Promise.resolve();
    this.#next ??= this.#sending.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#sending = this.#send();
    });
    return this.#next;
  }

  async #send(): Promise<void> {
    await this.#client.query("select pg_notify($1::text, '')", [this.#channel]);
  }

  #listen(onWake: () => void): Promise<AsyncDisposable> {
    const { listen } = this.#client;
    if (listen === undefined) {
      throw new TypeError("Cannot subscribe with notify as the driver cannot listen");
    }
    return listen.call(this.#client, this.#channel, () => {
      this.#count++;
      onWake();
    });
  }
}
