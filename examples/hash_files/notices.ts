/** Tells others of each hash: through the outbox, the relay and a broker to a consumer. */

import { bootstrap, handlers, memoryBroker } from "@sluice/cqrs";
import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage, type Storage } from "@sluice/cqrs/storage";
import { HashPublished } from "./messages.ts";

/** What has to do with notices. */
export interface Notices {
  /** Takes the notices of the application. */
  readonly storage: Storage;
  /** Resolves when all that was stored has arrived, to how many have arrived since the start. */
  arrived(): Promise<number>;
}

/**
 * Starts a relay and a consumer. The storages and the broker are in memory here; with Postgres or Deno
 * KV and with Kafka or RabbitMQ they would outlive the process, and nothing else would be different.
 */
export function startNotices(): Notices {
  const storage = memoryStorage();
  const broker = memoryBroker();
  let next = Promise.withResolvers<void>();
  const wake = () => {
    next.resolve();
    next = Promise.withResolvers();
  };
  let delivered = 0;
  let arrived = 0;

  // In another process, as a rule, with a database of its own.
  const inbox = memoryStorage();
  const app = bootstrap(
    handlers().use(transactional(inbox)).on(HashPublished, () => void arrived++),
  );
  const consumer = eventConsumer({
    source: memorySource(broker),
    topics: [HashPublished.topic],
    app,
    storage: inbox,
    consumer: "notices",
    observer({ type }) {
      if (type !== "handled" && type !== "duplicate") return;
      delivered++;
      wake();
    },
  });
  consumer.run();
  outboxRelay({ storage, broker }).run({ onReport: wake });

  return {
    storage,
    async arrived() {
      while (true) {
        const { promise } = next;
        const { pending } = await storage.outbox.statistics({ maxCount: 1 });
        if (pending === 0 && broker.at(HashPublished.topic, delivered) === undefined) {
          return arrived;
        }
        await promise;
      }
    },
  };
}
