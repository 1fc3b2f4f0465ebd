/**
 * Messages from a broker, each handled once: an application's handlers run in a transaction of its storage,
 * together with the record that the message was handled. And what is asked for twice under one idempotency
 * key, done once.
 *
 * @example A message that is handled once
 * ```ts
 * import { bootstrap, handlers, jsonCodec, memoryBroker, notification, toEnvelope, type } from "@sluice/cqrs";
 * import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
 * import { transactional } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Paid = notification("paid", { topic: "payments", data: type<{ cents: number }>() });
 * const storage = memoryStorage();
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Paid, ({ cents }, { tx }) => tx.client.set("paid", cents)),
 * );
 * const broker = memoryBroker();
 * const source = memorySource(broker);
 * const consumer = eventConsumer({ source, topics: ["payments"], app, storage, consumer: "ledger" });
 *
 * const paid = await toEnvelope(Paid({ cents: 500 }), { codec: jsonCodec(), source: "/shop" });
 * await broker.publish([paid, paid]);
 * const { handled, duplicates } = await consumer.tick({ budgetMs: 1_000, idleMs: 0 });
 * assert.deepEqual([handled, duplicates], [1, 1]);
 * ```
 *
 * @module
 */

export {
  cloudEvents,
  type CloudEventsOptions,
  type Delivery,
  memorySource,
  type MemorySourceOptions,
  type NackOptions,
  pythonCqrs,
  type PythonCqrsDescription,
  type PythonCqrsOptions,
  type Source,
  type SubscribeOptions,
  type Subscription,
  type WireContext,
  type WireFormat,
  type WireMessage,
} from "../broker/mod.ts";
export type { ConsumerEvent } from "./consumer_event.ts";
export type {
  ConsumerRetryOptions,
  DeadLetterTopic,
  EventConsumerOptions,
} from "./consumer_options.ts";
export type { ConsumerReport } from "./consumer_report.ts";
export type { RunConsumerOptions, RunningConsumer } from "./consumer_run.ts";
export { type ConsumerTickOptions, type EventConsumer, eventConsumer } from "./event_consumer.ts";
export {
  IdempotencyKeyMissingError,
  IdempotencyMismatchError,
  IdempotencyRunningError,
} from "./idempotency_errors.ts";
export { idempotent, type IdempotentOptions } from "./idempotent.ts";
export { inboxPurge, type InboxPurgeOptions, type InboxPurgeReport } from "./inbox_purge.ts";
