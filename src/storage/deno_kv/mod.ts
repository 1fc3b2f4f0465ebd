/**
 * A storage on Deno KV: in memory, in a file, or on Deno Deploy. What a transaction writes and the
 * messages that it stores are one atomic operation, so neither is ever there without the other.
 *
 * Messages are published at least once, and those of one key in the order in which they were stored,
 * whatever clocks say: what a relay may write depends on versions of the database alone. A clock that
 * is wrong makes another take over too early, so that messages are published twice, or too late.
 *
 * It needs no queues of Deno KV, no expiry, and `watch` only if it is told to. One transaction holds
 * up to 100 reads, 1,000 writes and 819,200 bytes; see {@linkcode DenoKvTransactionClient}. A message
 * may have a body of some 780,000 bytes if there is little else in its transaction. A message that is
 * recorded in the inbox takes one of the reads and up to three of the writes; an answer that is stored
 * under a claimed key has room for some 60,000 bytes. A checkpoint of a saga is a transaction of its own;
 * who may write to a saga depends on versions of the database alone as well, so a clock that is wrong
 * makes another take it over too early or too late, and never lets two write to it.
 *
 * Known limits: the order of messages relies on the versions of the database, which only grow; before
 * its entries are copied into another database, let the relays publish what is stored. Databases behind
 * KV Connect are used as the protocol describes it and were not tried out; a `denokv` server takes 10
 * checks for each commit, so up to 10 reads.
 *
 * @example A handler whose events leave with what it writes
 * ```ts
 * import { bootstrap, command, handlers, memoryBroker, notification, type } from "@sluice/cqrs";
 * import { denoKvStorage } from "@sluice/cqrs/deno-kv";
 * import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Joined = notification("user.joined", { topic: "users", data: type<{ userId: string }>() });
 *
 * const kv = await Deno.openKv(":memory:");
 * const storage = denoKvStorage(kv);
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Join, ({ userId }, { tx, emit }) => {
 *     tx.client.set(["member", userId], true);
 *     emit(Joined({ userId }));
 *   }),
 * );
 * await app.send(Join({ userId: "u1" }));
 *
 * const broker = memoryBroker();
 * await outboxRelay({ storage, broker }).tick({ budgetMs: 1_000 });
 * assert.equal(broker.messages("users").length, 1);
 * kv.close();
 * ```
 *
 * @module
 */

export type {
  DenoKv,
  DenoKvAtomic,
  DenoKvEntry,
  DenoKvEntryMaybe,
  DenoKvKey,
  DenoKvKeyPart,
  DenoKvListOptions,
  DenoKvNoEntry,
  DenoKvSelector,
} from "./deno_kv.ts";
export { denoKvStorage, type DenoKvStorageOptions } from "./deno_kv_storage.ts";
export type { DenoKvTransaction } from "./kv_transaction.ts";
export type { DenoKvBudget } from "./transaction_budget.ts";
export type { DenoKvTransactionClient, DenoKvTransactionEntry } from "./transaction_client.ts";
export { type DenoKvLimit, TransactionTooLargeError } from "./transaction_errors.ts";
export type { SharedReplayLogOptions } from "../mod.ts";
