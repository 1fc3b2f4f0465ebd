/**
 * What the tests of the consumer share: messages, a source that a test drives by hand, and a consumer over
 * a storage in memory.
 *
 * @module
 */

import { type Envelope, jsonCodec, notification, toEnvelope, type } from "@sluice/cqrs";
import {
  type ConsumerEvent,
  type Delivery,
  type EventConsumer,
  eventConsumer,
  type EventConsumerOptions,
  type Source,
} from "@sluice/cqrs/consumer";
import { memoryStorage, type MemoryTransaction } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";

/** The message that most tests handle. */
export const Joined = notification("user.joined", {
  topic: "users",
  data: type<{ readonly id: string }>(),
  key: ({ id }) => id,
});

/** What handlers emit. */
export const Greeted = notification("user.greeted", {
  topic: "greetings",
  data: type<{ readonly id: string }>(),
});

/** A message as a broker has it; its id is that of the user. */
export async function joined(id: string, init: Partial<Envelope> = {}): Promise<Envelope> {
  const envelope = await toEnvelope(Joined({ id }, { id }), { codec: jsonCodec(), source: "/" });
  return { ...envelope, ...init };
}

/** A delivery that a test can look at. */
export interface HandDelivery extends Delivery {
  /** How often it was acknowledged. */
  readonly acks: number;
  /** The partition goes elsewhere. */
  lose(): void;
}

/** A source that delivers what a test tells it to. */
export class HandSource implements Source {
  /** How many subscriptions were opened, and how many are open. */
  opened = 0;
  open = 0;
  maxUnsettled: number | undefined;
  /** What the next subscriptions fail with, before they are ready. */
  readonly refusals: unknown[] = [];
  /** Is awaited by acknowledgements. */
  onAck: (delivery: Delivery) => void | Promise<void> = () => {};
  readonly acked: string[] = [];
  #queue: Delivery[] = [];
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;

  subscribe({ maxUnsettled }: { readonly maxUnsettled?: number }) {
    this.opened++;
    this.open++;
    this.maxUnsettled = maxUnsettled;
    const refusal = this.refusals.shift();
    const ready = refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
    ready.catch(() => {});
    let isDisposed = false;
    const next = async (): Promise<IteratorResult<Delivery, undefined>> => {
      for (;;) {
        const failure = this.#failure;
        this.#failure = undefined;
        if (failure !== undefined) throw failure.error;
        const value = isDisposed || this.#hasEnded ? undefined : this.#queue.shift();
        if (value !== undefined) return { value };
        if (isDisposed || this.#hasEnded) return { done: true, value: undefined };
        await this.#wake.promise;
      }
    };
    return {
      ready,
      [Symbol.asyncIterator]: () => ({ next }),
      [Symbol.asyncDispose]: () => {
        if (!isDisposed) this.open--;
        isDisposed = true;
        this.#stir();
        return Promise.resolve();
      },
    };
  }

  /** Delivers messages, all at once. */
  deliver(
    envelopes: readonly Envelope[],
    { partition = "0", ...init }: Partial<Delivery> = {},
  ): HandDelivery[] {
    const deliveries = envelopes.map((envelope) => {
      const lost = new AbortController();
      const delivery = {
        envelope,
        partition,
        position: `${envelope.topic}/${partition}/${envelope.id}`,
        signal: lost.signal,
        ...init,
        acks: 0,
        lose: () => lost.abort(new Error("Lost")),
        ack: async () => {
          await this.onAck(delivery);
          delivery.acks++;
          this.acked.push(envelope.id);
        },
        nack: () => Promise.reject(new Error("The consumer rejects nothing")),
      };
      return delivery;
    });
    this.#queue.push(...deliveries);
    this.#stir();
    return deliveries;
  }

  /** The iteration throws. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#stir();
  }

  /** The iteration ends, now and from now on. */
  end(): void {
    this.#hasEnded = true;
    this.#stir();
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A consumer under test. */
export interface Bench {
  readonly clock: ManualClock;
  readonly source: HandSource;
  readonly storage: ReturnType<typeof memoryStorage>;
  readonly consumer: EventConsumer;
  /** What it has told, as text. */
  readonly log: string[];
  readonly events: ConsumerEvent[];
  /** Resolves once it has told this. */
  told(line: string): Promise<void>;
  /** A tick until nothing comes. */
  drain(): Promise<string>;
  /** How often a message was begun, or that it is handled. */
  known(id: string): Promise<number | "handled">;
}

/** Makes one. */
export function bench(
  options:
    & Pick<EventConsumerOptions<MemoryTransaction>, "app">
    & Partial<EventConsumerOptions<MemoryTransaction>>
    & { readonly clock?: ManualClock; readonly source?: Source },
): Bench {
  const clock = options.clock ?? new ManualClock();
  const source = options.source instanceof HandSource ? options.source : new HandSource();
  const storage = options.storage ?? memoryStorage({ clock });
  const log: string[] = [];
  const events: ConsumerEvent[] = [];
  const waiting = new Set<() => void>();
  const consumer = eventConsumer({
    source,
    topics: ["users"],
    storage,
    consumer: "billing",
    retry: { backoff: (failures) => failures * 1_000 },
    clock,
    observer(event) {
      events.push(event);
      log.push(textOf(event));
      for (const look of waiting) look();
    },
    ...options,
  });
  return {
    clock,
    source,
    storage,
    consumer,
    log,
    events,
    told: (line) =>
      new Promise((resolve) => {
        const look = () => {
          if (!log.includes(line)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async drain() {
      const ticking = consumer.tick({ budgetMs: 600_000, idleMs: 10 });
      let isOver = false;
      ticking.then(() => isOver = true, () => isOver = true);
      while (!isOver) await clock.advance(10);
      const { handled, duplicates, unhandled, failed, deadLettered } = await ticking;
      return `${handled} handled, ${duplicates} duplicates, ${unhandled} unhandled, ` +
        `${failed} failed, ${deadLettered} dead`;
    },
    async known(id) {
      const [start] = await storage.inbox.begin("billing", [id]);
      if (start?.isHandled === true) return "handled";
      if (start?.starts === 0) await storage.inbox.release("billing", [id]);
      return start?.starts ?? NaN;
    },
  };
}

function textOf(event: ConsumerEvent): string {
  switch (event.type) {
    case "handled":
      return `${event.envelope.id} handled at ${event.attempts}`;
    case "failed":
      return `${event.envelope.id} failed at ${event.attempt}, again in ${event.retryAfterMs}`;
    case "dead_lettered":
      return `${event.envelope.id} dead at ${event.attempts}`;
    case "duplicate":
    case "unhandled":
      return `${event.envelope.id} ${event.type}`;
    case "batch_failed":
      return `batch of ${event.size} failed`;
    default:
      return `${event.type}: ${Object(event.error).message}, again in ${event.retryAfterMs}`;
  }
}

/** A storage whose parts can be made to fail. */
export function failingStorage(clock: ManualClock) {
  const storage = memoryStorage({ clock });
  const faults = {
    /** What transactions and notes fail with. */
    outage: undefined as unknown,
    /** What the next commits fail with, once they have taken effect or not. */
    commits: [] as { readonly error: unknown; readonly isDone: boolean }[],
  };
  const check = () => {
    if (faults.outage !== undefined) throw faults.outage;
  };
  const wrapped: typeof storage = {
    ...storage,
    inbox: new Proxy(storage.inbox, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (name !== "begin" && name !== "beginAgain") {
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (...args: unknown[]) => {
          check();
          return await value.apply(target, args);
        };
      },
    }),
    async transaction(run) {
      check();
      let thrown: unknown;
      const result = await storage.transaction(async (tx) => {
        const value = await run(tx);
        // A transaction that gives nothing only looks whether the storage answers.
        const next = value === undefined ? undefined : faults.commits.shift();
        thrown = next?.error;
        if (next?.isDone === false) throw next.error;
        return value;
      });
      if (thrown !== undefined) throw thrown;
      check();
      return result;
    },
  };
  return { storage: wrapped, faults };
}
