/**
 * Publishing to RabbitMQ, and reading from it, over `@cloudamqp/amqp-client`.
 *
 * That client was chosen as it has no dependencies, takes and gives plain `Uint8Array`, reaches servers by
 * TCP and by WebSocket, and leaves its channels to whoever uses it, so that what belongs to a connection
 * can be made again when it was lost. It confirms about as many messages a second as the others do once
 * `TCP_NODELAY` is set, which happens here. `amqplib` and `rabbitmq-client` need the `Buffer` of Node.
 *
 * What is on the wire is CloudEvents 1.0 in binary mode, with attributes in headers that begin with
 * `cloudEvents_`. The content type and the id stand in the properties of the message too.
 *
 * A server that is killed within a moment of making a quorum queue can come back without the log of that
 * queue: RabbitMQ 3.10 was seen to. Such a queue has no leader. Reading it fails with a `TimeoutError` that
 * `onConnectionError` is told, publishing to it with one too, and both are tried again; it takes an
 * operator to remove the queue.
 *
 * @example From one service to another
 * ```ts ignore
 * import { rabbitmqPublisher, rabbitmqSource } from "@sluice/cqrs/rabbitmq";
 *
 * const connection = "amqps://user:password@host/vhost";
 * const source = rabbitmqSource({ connection, group: "billing" });
 * const subscription = source.subscribe({ topics: ["orders"], maxUnsettled: 10 });
 * await subscription.ready;
 *
 * const publisher = rabbitmqPublisher({ connection }); // the broker of an app, or of a relay
 * for await (const { envelope, ack } of subscription) {
 *   console.log(envelope.type, envelope.key);
 *   await ack();
 * }
 * ```
 *
 * @module
 */

export type { RabbitmqConnectOptions } from "./connect_options.ts";
export { rabbitmqPublisher, type RabbitmqPublisherOptions } from "./rabbitmq_publisher.ts";
export { rabbitmqSource, type RabbitmqSourceOptions } from "./rabbitmq_source.ts";
export type {
  Delivery,
  NackOptions,
  Publisher,
  PublishOptions,
  PublishResult,
  Source,
  SubscribeOptions,
  Subscription,
  WireContext,
  WireFormat,
  WireMessage,
} from "../broker/mod.ts";
export type { Backoff } from "../resilience/mod.ts";
export type { Clock } from "../clock.ts";
export type { Envelope } from "../message/mod.ts";
