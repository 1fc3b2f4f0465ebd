/**
 * The ports to message brokers, the formats of messages on the wire, and a broker in memory.
 *
 * @module
 */

export { cloudEvents, type CloudEventsOptions } from "./cloud_events.ts";
export { type MemoryBroker, memoryBroker, type MemoryBrokerOptions } from "./memory_broker.ts";
export { memorySource, type MemorySourceOptions } from "./memory_source.ts";
export {
  type Publisher,
  PublishError,
  type PublishOptions,
  type PublishResult,
} from "./publisher.ts";
export type { Delivery, NackOptions, Source, SubscribeOptions, Subscription } from "./source.ts";
export { checkSubscribeOptions } from "./subscribe_options.ts";
export { pythonCqrs, type PythonCqrsDescription, type PythonCqrsOptions } from "./python_cqrs.ts";
export {
  unreadEnvelope,
  type WireContext,
  type WireFormat,
  type WireMessage,
} from "./wire_format.ts";
