/**
 * The port to message brokers, and a broker in memory.
 *
 * @module
 */

export { type MemoryBroker, memoryBroker, type MemoryBrokerOptions } from "./memory_broker.ts";
export {
  type Publisher,
  PublishError,
  type PublishOptions,
  type PublishResult,
} from "./publisher.ts";
