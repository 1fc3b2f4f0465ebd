/**
 * The transactional outbox: messages are stored in the transaction of what they tell about, and a
 * relay hands them to the broker afterwards, so that neither is ever there without the other.
 *
 * Every message is published at least once, in the order of its key, whatever fails: what the broker
 * refuses is tried again, and becomes a dead letter that can be listed, requeued or discarded.
 *
 * @example From a handler to the broker
 * ```ts
 * import { bootstrap, command, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
 * import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Pay = command("invoice.pay", type<{ id: string }>());
 * const Paid = notification("invoice.paid", {
 *   topic: "invoices",
 *   data: type<{ id: string }>(),
 *   key: ({ id }) => id,
 * });
 *
 * const storage = memoryStorage();
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Pay, ({ id }, { tx, emit }) => {
 *     tx.client.set(`invoice ${id}`, "paid");
 *     emit(Paid({ id }));
 *   }),
 * );
 * await app.send(Pay({ id: "7" }));
 *
 * const broker = memoryBroker();
 * await outboxRelay({ storage, broker }).tick({ budgetMs: 1_000 });
 * assert.equal(broker.messages("invoices").length, 1);
 * ```
 *
 * @module
 */

export {
  compressBody,
  type CompressionFormat,
  type CompressionOptions,
  decompressBody,
} from "../message/mod.ts";
export { outboxHealth, type OutboxHealthOptions, OutboxLagError } from "./outbox_health.ts";
export { outboxPurge, type OutboxPurgeOptions, type PurgeReport } from "./outbox_purge.ts";
export { type OutboxRelay, outboxRelay, type RunRelayOptions } from "./outbox_relay.ts";
export type {
  OutboxRelayOptions,
  OutboxSource,
  RelayEvent,
  RelayRetryOptions,
} from "./relay_options.ts";
export { BrokerUnavailableError, type RelayReport } from "./relay_worker.ts";
export {
  transactional,
  type TransactionalOptions,
  type TransactionalStorage,
  transactionUnit,
} from "./transactional.ts";
