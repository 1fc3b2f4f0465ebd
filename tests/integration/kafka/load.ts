import type { Publisher } from "@sluice/cqrs";
import assert from "node:assert/strict";
import type { Subscription } from "../../../src/broker/mod.ts";
import { plainMessage, textOf } from "../../../src/testing/broker_messages.ts";

/** Something that happened, and whoever waits for it. */
export class Progress {
  readonly #target: EventTarget = new EventTarget();

  happened(): void {
    this.#target.dispatchEvent(new Event("progress"));
  }

  /** Resolves once the condition holds; it is looked at whenever something happened. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#target.removeEventListener("progress", look);
        resolve();
      };
      this.#target.addEventListener("progress", look);
      look();
    });
  }
}

const KEYS = ["a", "b", "c", "d", "e", "f"];

/** Publishes numbered messages of several keys, each again until it is confirmed, and in order. */
export class Writer {
  /** How many numbers are confirmed: of each key, all below. */
  confirmed = 0;
  readonly progress: Progress = new Progress();
  readonly #publisher: Publisher;
  readonly #topic: string;
  readonly #end: AbortController = new AbortController();
  readonly #running: Promise<void>;

  constructor(publisher: Publisher, topic: string, first = 0) {
    this.#publisher = publisher;
    this.#topic = topic;
    this.confirmed = first;
    this.#running = this.#run();
  }

  /** Resolves when what it has begun is confirmed. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** What everybody who reads the topic must have got, `key/number`. */
  static expected(count: number): string[] {
    return KEYS.flatMap((key) => Array.from({ length: count }, (_, n) => `${key}/${n}`)).sort();
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      let open = KEYS.map((key) => plainMessage(this.#topic, `${key}/${this.confirmed}`, key));
      while (open.length > 0) {
        const sent = open;
        const results = await this.#publisher.publish(sent).catch(() => undefined);
        open = sent.filter((_, index) => results?.[index]?.ok !== true);
        // Without a broker a call can fail at once, and nothing else would get a turn.
        if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      this.confirmed++;
      this.progress.happened();
    }
  }
}

/** What was acknowledged, in order, by all who read. */
export class Reader {
  readonly texts: string[] = [];
  readonly progress: Progress = new Progress();

  /** Acknowledges what a subscription delivers, until that ends. */
  async read(subscription: Subscription): Promise<void> {
    for await (const delivery of subscription) {
      if (delivery.error !== undefined) throw delivery.error;
      this.add(textOf(delivery));
      await delivery.ack();
    }
  }

  add(text: string): void {
    this.texts.push(text);
    this.progress.happened();
  }

  /** Resolves once it has got so many different ones. */
  async untilDistinct(count: number): Promise<void> {
    const seen = new Set<string>();
    let looked = 0;
    await this.progress.until(() => {
      for (; looked < this.texts.length; looked++) seen.add(this.texts[looked] ?? "");
      return seen.size >= count;
    });
  }

  /** Nothing is missing, and of each key the first deliveries came in order. */
  assertComplete(count: number): void {
    const first = [...new Set(this.texts)];
    assert.deepEqual(first.toSorted(), Writer.expected(count));
    for (const key of KEYS) {
      const numbers = first.filter((text) => text.startsWith(`${key}/`))
        .map((text) => Number(text.slice(2)));
      assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), key);
    }
  }
}

/** How many messages there are of so many numbers. */
export function messagesOf(count: number): number {
  return count * KEYS.length;
}
