/** Tells others of each hash: through the outbox, the relay and a broker to a consumer. */

import {
  bootstrap,
  type Envelope,
  handlers,
  jsonCodec,
  memoryBroker,
  type Publisher,
} from "@sluice/cqrs";
import { outboxRelay } from "@sluice/cqrs/outbox";
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
 * Starts a relay between an outbox and a consumer. The outbox is in memory here; with Postgres or
 * Deno KV it would outlive the process, and nothing else would be different.
 */
export function startNotices(): Notices {
  const storage = memoryStorage();
  let next = Promise.withResolvers<void>();
  // In another process, as a rule. A message may come twice, so it looks at the id.
  const seen = new Set<string>();
  const consumer = bootstrap(
    handlers().on(HashPublished, (_data, { id }) => void seen.add(id)),
  );
  outboxRelay({ storage, broker: delivering(memoryBroker(), consume) }).run();

  async function consume({ id, body }: Envelope): Promise<void> {
    await consumer.dispatch(await HashPublished.parse(await jsonCodec().decode(body), { id }));
    next.resolve();
    next = Promise.withResolvers();
  }

  return {
    storage,
    async arrived() {
      while (true) {
        const { promise } = next;
        const { pending } = await storage.outbox.statistics({ maxCount: 1 });
        if (pending === 0) return seen.size;
        await promise;
      }
    },
  };
}

/** A broker that delivers what it has taken. */
function delivering(
  broker: Publisher,
  deliver: (message: Envelope) => Promise<void>,
): Publisher {
  return {
    keepsOrderOnFailure: true,
    async publish(messages, options) {
      const results = await broker.publish(messages, options);
      for (const message of messages) await deliver(message);
      return results;
    },
    async [Symbol.asyncDispose]() {},
  };
}
