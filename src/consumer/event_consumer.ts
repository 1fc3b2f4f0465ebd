import type { Tick, TickOptions } from "../background/mod.ts";
import type { StorageTransaction } from "../storage/mod.ts";
import { type ConsumerReport, ConsumerTally } from "./consumer_report.ts";
import type { EventConsumerOptions } from "./consumer_options.ts";
import { ConsumerRun, type RunConsumerOptions, type RunningConsumer } from "./consumer_run.ts";
import { type ConsumerSettings, consumerSettings } from "./consumer_settings.ts";
import { Consumption } from "./consumption.ts";
import { DeliveryHandler } from "./delivery_handler.ts";
import { linkSignals } from "./linked_signal.ts";
import { MessageReader } from "./message_reader.ts";

/** The bounds of one tick of a consumer. */
export interface ConsumerTickOptions extends TickOptions {
  /**
   * How long nothing may come, in milliseconds, until the tick takes it that nothing is left. It begins
   * when the broker has let the consumer in. `Infinity` spends the whole budget.
   *
   * @default {1_000}
   */
  readonly idleMs?: number;
}

/** Reads messages from a broker and has an application handle each once. */
export interface EventConsumer extends Tick<ConsumerReport> {
  /**
   * Handles what is there, until nothing comes any more or the budget is spent, and leaves: what was
   * fetched and not begun comes again, here or elsewhere.
   *
   * @throws The reason of `options.signal`; or what the broker threw, once what was under way is finished.
   * @throws {RangeError} If `idleMs` is negative.
   */
  tick(options: ConsumerTickOptions): Promise<ConsumerReport>;
  /**
   * Handles messages in a process that lives on. Disposing the result ends it: what is under way is
   * finished first. Failures go to the observer.
   */
  run(options?: RunConsumerOptions): RunningConsumer;
  /**
   * Handles messages once more that were given up, out of the table of the storage, each in a transaction
   * that takes it out there. Resolves to how many there were.
   *
   * @throws What the handlers of one throw; that one and those behind it stay where they are.
   */
  redeliver(
    messageIds: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<number>;
}

/**
 * Creates a consumer: it reads topics, and hands each message to the application in a transaction of the
 * storage, together with a record that it was handled. So its handlers' writes take effect once, however
 * often the broker delivers it, if they are made in that transaction: bind them within
 * `transactional(storage)` and write through `tx.client`. What they emit is stored with them; handlers of
 * domain events run in the same transaction too.
 *
 * - **Failures**: all that the handlers of a message did is undone, its partition waits, and it is tried
 *   again; when its attempts are spent, it becomes a dead letter. What cannot be read is one at once. So is
 *   what several processes have begun and none has ended, as it may kill them. A database that does not
 *   answer is held against no message.
 * - **Order**: messages of one partition are handled one after the other, those of several partitions at
 *   the same time.
 * - **Pace**: it fetches no more than `prefetch` of a partition.
 *
 * It starts nothing: call `tick` from a cron or a route, or `run` in a process that lives on.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If there are no topics, or the consumer has no name.
 *
 * @example A member is counted once
 * ```ts
 * import { bootstrap, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
 * import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
 * import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Joined = notification("user.joined", { topic: "users", data: type<{ userId: string }>() });
 * const storage = memoryStorage();
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Joined, (_data, { tx }) => {
 *     tx.client.set("members", Number(tx.client.get("members") ?? 0) + 1);
 *   }),
 * );
 *
 * const broker = memoryBroker();
 * const consumer = eventConsumer({
 *   source: memorySource(broker), // or kafkaSource(…), rabbitmqSource(…)
 *   topics: ["users"],
 *   app,
 *   storage,
 *   consumer: "billing",
 * });
 *
 * const joined = Joined({ userId: "u1" });
 * await storage.outbox.store([joined, joined]); // a producer that says it twice
 * await outboxRelay({ storage, broker }).tick({ budgetMs: 1_000 });
 * const report = await consumer.tick({ budgetMs: 1_000, idleMs: 0 });
 * assert.equal(report.handled, 1);
 * assert.equal(report.duplicates, 1);
 * ```
 */
export function eventConsumer<Tx extends StorageTransaction>(
  options: EventConsumerOptions<Tx>,
): EventConsumer {
  return new Consumer(consumerSettings(options));
}

class Consumer implements EventConsumer {
  readonly #settings: ConsumerSettings;
  readonly #reader: MessageReader;
  readonly #handler: DeliveryHandler;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#reader = new MessageReader(settings.app.definitions, settings.codec);
    this.#handler = new DeliveryHandler(settings);
  }

  async tick(
    { budgetMs, signal, idleMs = 1_000 }: ConsumerTickOptions,
  ): Promise<ConsumerReport> {
    if (!(idleMs >= 0)) {
      throw new RangeError(`Cannot tick: idleMs must be a number from 0, got ${idleMs}`);
    }
    signal?.throwIfAborted();
    const tally = new ConsumerTally();
    const budget = new AbortController();
    const cancel = this.#settings.clock.setTimer(() => budget.abort(), budgetMs);
    const cut = signal ?? new AbortController().signal;
    const stop = linkSignals(budget.signal, cut);
    try {
      await this.#consumption(tally, stop.signal, cut).run(idleMs);
    } finally {
      cancel();
      stop.unlink();
    }
    signal?.throwIfAborted();
    return tally.report(budget.signal.aborted);
  }

  run(options: RunConsumerOptions = {}): RunningConsumer {
    const begin = (stop: AbortSignal, cut: AbortSignal) =>
      this.#consumption(new ConsumerTally(), stop, cut);
    return new ConsumerRun(this.#settings, begin, options);
  }

  async redeliver(
    messageIds: readonly string[],
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    let count = 0;
    for (const id of messageIds) {
      signal.throwIfAborted();
      const read = this.#reader.read.bind(this.#reader);
      if (await this.#handler.redeliver(id, read, signal)) count++;
    }
    return count;
  }

  #consumption(tally: ConsumerTally, stop: AbortSignal, cut: AbortSignal): Consumption {
    return new Consumption({
      settings: this.#settings,
      reader: this.#reader,
      handler: this.#handler,
      tally,
      stop,
      cut,
    });
  }
}
