import type { Envelope } from "../message/mod.ts";
import type { Publisher, PublishResult } from "./publisher.ts";

/** How {@linkcode memoryBroker} behaves. */
export interface MemoryBrokerOptions {
  /**
   * How many messages a topic keeps; the oldest leave first, as under any
   * broker's retention. `Infinity` keeps all.
   *
   * @default {10_000}
   */
  readonly maxMessagesPerTopic?: number;
}

/** A broker in this process' memory, for tests and examples. */
export interface MemoryBroker extends Publisher {
  /** The messages that a topic holds, oldest first. */
  messages(topic: string): readonly Envelope[];
  /** The topics that have received a message, in the order of their first. */
  topics(): readonly string[];
}

/**
 * Creates a broker that keeps messages in memory and confirms each at once.
 *
 * @throws {RangeError} If `maxMessagesPerTopic` is not positive.
 *
 * @example Seeing what a command published
 * ```ts
 * import { bootstrap, command, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Joined = notification("user.joined", { topic: "users", data: type<{ userId: string }>() });
 *
 * const broker = memoryBroker();
 * const app = bootstrap(
 *   handlers().on(Join, ({ userId }, { emit }) => emit(Joined({ userId }))),
 *   { broker },
 * );
 * await app.send(Join({ userId: "u1" }));
 * assert.equal(broker.messages("users")[0]?.type, "user.joined");
 * ```
 */
export function memoryBroker(
  { maxMessagesPerTopic = 10_000 }: MemoryBrokerOptions = {},
): MemoryBroker {
  if (!(maxMessagesPerTopic >= 1)) {
    throw new RangeError(
      `Cannot create a broker as "maxMessagesPerTopic" must be positive: ${maxMessagesPerTopic}`,
    );
  }
  const topics = new Map<string, Envelope[]>();

  function append(message: Envelope): PublishResult {
    const messages = topics.get(message.topic) ?? [];
    topics.set(message.topic, messages);
    messages.push(message);
    if (messages.length > maxMessagesPerTopic) messages.shift();
    return { ok: true };
  }

  return {
    keepsOrderOnFailure: true,
    async publish(messages, options): Promise<readonly PublishResult[]> {
      await Promise.resolve();
      options?.signal?.throwIfAborted();
      return messages.map(append);
    },
    messages: (topic) => [...topics.get(topic) ?? []],
    topics: () => [...topics.keys()],
    async [Symbol.asyncDispose]() {},
  };
}
