/**
 * Messages from a broker, each handled once: an application's handlers run in a transaction of its storage,
 * together with the record that the message was handled. And what is asked for twice under one idempotency
 * key, done once.
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
export { inboxPurge, type InboxPurgeOptions, type InboxPurgeReport } from "./inbox_purge.ts";
