import {
  runTicks,
  type RunTicksOptions,
  type Tick,
  type TickLoop,
  type TickOptions,
} from "../background/mod.ts";
import { type OutboxRelayOptions, type RelaySettings, relaySettings } from "./relay_options.ts";
import { type RelayReport, RelayWorker } from "./relay_worker.ts";

/** How {@linkcode OutboxRelay.run} loops. Failures go to the relay's observer. */
export type RunRelayOptions = Pick<
  RunTicksOptions<RelayReport>,
  "signal" | "intervalMs" | "budgetMs" | "graceMs" | "backoff" | "onReport"
>;

/** Publishes what an outbox holds. Any number of relays share the work, in any number of processes. */
export interface OutboxRelay extends Tick<RelayReport> {
  /**
   * Publishes what is there, until nothing is left or the budget is spent. What it holds is free for
   * others when it resolves.
   *
   * @throws {BrokerUnavailableError} If the broker does not answer.
   * @throws The reason of `options.signal`; or what the database threw.
   */
  tick(options: TickOptions): Promise<RelayReport>;
  /**
   * Publishes in a process that lives on, as soon as something is stored or an interval has passed,
   * and keeps what it holds between its ticks. Disposing the result ends it: what is under way is
   * finished first, and what it held is free for others then.
   */
  run(options?: RunRelayOptions): TickLoop;
}

/**
 * Creates a relay: it hands the messages of an outbox to a broker, and takes them out when the broker
 * has confirmed them. It starts nothing: call `tick` from a cron, a route or behind a response, or `run`
 * in a process that lives on.
 *
 * Every message is published at least once, and once if no process dies and no lease is lost; so
 * consumers recognise duplicates by the id. Messages of one topic and key are published in the order
 * in which they were stored, whatever fails: a message that the broker refuses keeps the later ones of
 * its key waiting, and no others.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If there is nothing to take messages from.
 *
 * @example What a command stores reaches the broker
 * ```ts
 * import { bootstrap, command, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
 * import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Joined = notification("user.joined", { topic: "users", data: type<{ userId: string }>() });
 *
 * const storage = memoryStorage(); // or postgresStorage(…), denoKvStorage(…)
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Join, ({ userId }, { emit }) => emit(Joined({ userId }))),
 * );
 * await app.send(Join({ userId: "u1" })); // stored with whatever the handler writes, or not at all
 *
 * const broker = memoryBroker();
 * const relay = outboxRelay({ storage, broker });
 * assert.equal((await relay.tick({ budgetMs: 1_000 })).published, 1);
 * assert.equal(broker.messages("users")[0]?.type, "user.joined");
 * ```
 */
export function outboxRelay(options: OutboxRelayOptions): OutboxRelay {
  return new Relay(relaySettings(options));
}

class Relay implements OutboxRelay {
  readonly #settings: RelaySettings;

  constructor(settings: RelaySettings) {
    this.#settings = settings;
  }

  async tick(options: TickOptions): Promise<RelayReport> {
    const worker = new RelayWorker(this.#settings);
    try {
      return await worker.tick(options);
    } finally {
      await worker[Symbol.asyncDispose]();
    }
  }

  run(options: RunRelayOptions = {}): TickLoop {
    const { report, source, clock } = this.#settings;
    const worker = new RelayWorker(this.#settings);
    const loop = runTicks(worker, {
      ...options,
      clock,
      wakeUps: (onWake) => source.subscribe(onWake),
      onError: (error) => report({ type: "failed", error }),
    });
    const letGo = () => worker[Symbol.asyncDispose]();
    const done = loop.done.then(letGo).catch((error) => report({ type: "failed", error }));
    return {
      done,
      wake: () => loop.wake(),
      async [Symbol.asyncDispose]() {
        await loop[Symbol.asyncDispose]();
        await done;
      },
    };
  }
}
