import type { Envelope } from "../message/mod.ts";
import { MemoryTopicLogs } from "./memory_topic_logs.ts";
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
  /**
   * The first message of a topic that it still holds at or behind a place, and that place. Places are
   * counted from 0, and stay as they are when older messages leave.
   */
  at(
    topic: string,
    place: number,
  ): { readonly place: number; readonly message: Envelope } | undefined;
  /** Calls `listener` whenever messages were published, until the function that it gives back is called. */
  onPublish(listener: () => void): () => void;
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
  const logs = new MemoryTopicLogs(maxMessagesPerTopic);
  const listeners = new Set<() => void>();
  return {
    keepsOrderOnFailure: true,
    async publish(messages, options): Promise<readonly PublishResult[]> {
      await Promise.resolve();
      options?.signal?.throwIfAborted();
      for (const message of messages) logs.append(message);
      for (const listener of listeners) listener();
      return messages.map(() => ({ ok: true }));
    },
    messages: (topic) => logs.messages(topic),
    topics: () => logs.topics(),
    at: (topic, place) => logs.at(topic, place),
    onPublish(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async [Symbol.asyncDispose]() {},
  };
}
