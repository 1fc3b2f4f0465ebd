import type { MiddlewareContext, StreamAwareMiddleware, UnitOfWork } from "../mediator/mod.ts";
import type { Envelope } from "../message/mod.ts";
import type { OutboxStore, Storage, StorageTransaction } from "../storage/mod.ts";

/** How {@linkcode transactional} works. */
export interface TransactionalOptions {
  /**
   * When the handlers of domain events run that are emitted in a transaction:
   *
   * - `"after"`: after its commit, as events are handled anywhere. Those that are themselves bound
   *   within `transactional` have a transaction each. When one fails, the call throws an
   *   `EventHandlingError`; what was committed stays.
   * - `"inside"`: before its commit and in the same transaction, one after the other, level by level.
   *   When one fails, the handlers of further levels are not run, all is rolled back, and the call
   *   throws an `EventHandlingError`, whatever `onError` says. `retry()` does not take that for a
   *   reason to try again unless its `when` says so.
   *
   * @default {"after"}
   */
  readonly domainEvents?: "after" | "inside";
}

/**
 * What {@linkcode transactional} needs of a storage.
 *
 * @typeParam Tx The type of its transactions; its outbox may take others too.
 */
export interface TransactionalStorage<Tx extends StorageTransaction>
  extends Pick<Storage<Tx>, "transaction"> {
  /** Where messages are stored. */
  readonly outbox: Pick<OutboxStore<NoInfer<Tx>>, "append">;
}

/**
 * Creates a middleware that runs each handler inside it in a transaction of `storage`. The handler
 * finds that as `tx` in its context, and what it writes through `tx.client` takes effect together
 * with the notifications that it emits: they are stored in the outbox within the transaction, and a
 * relay publishes them if it commits. When the handler throws, or its caller aborts or a time limit
 * passes before the commit begins, nothing of it remains. It needs neither a broker nor a storage in
 * `bootstrap`.
 *
 * - **Retrying**: `retry()` outside of it runs the whole again in a new transaction, also after a
 *   `ConcurrencyError` of the commit. Inside of it, all attempts share one transaction, which is seldom
 *   wanted: Postgres refuses whatever follows a failed statement. Only what the last attempt emits counts.
 * - **Nesting**: what a handler sends from its context joins its transaction: handlers that are bound
 *   within `transactional` of the same storage see the same `tx` and do not commit, and what any handler
 *   emits there, also one that is not bound so, becomes a part of the outer run: notifications are
 *   stored with it, events follow its commit. A nested request that fails emits nothing; a handler that
 *   goes on after that keeps what was written until then. The `domainEvents` of the outermost one
 *   counts. A transaction of another storage is one of its own, and the two are not atomic.
 * - **Cancelling**: from the moment that the commit begins, neither an abort nor `timeout()` makes the call
 *   fail; it ends as the commit does, and what follows from that is done to its end, even if a middleware
 *   around it fails. If the connection is lost within a commit, nobody can tell whether it took effect: the
 *   call rejects with the driver's error and no events are dispatched, while the writes and the
 *   notifications are there either all or not at all. A `retry()` around it may do the same twice then,
 *   unless its `when` leaves such errors alone.
 * - **Streams**: no transaction spans a stream, so `bootstrap` refuses one that is bound within it. Its
 *   handler can call `storage.transaction` for each part.
 *
 * @typeParam Tx The type of the storage's transactions.
 * @throws {TypeError} If `domainEvents` is none of its choices.
 *
 * @example A write and a message about it, both or neither
 * ```ts
 * import { bootstrap, command, handlers, notification, type } from "@sluice/cqrs";
 * import { transactional } from "@sluice/cqrs/outbox";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Join = command("meeting.join", type<{ userId: string }>());
 * const Joined = notification("user.joined", { topic: "users", data: type<{ userId: string }>() });
 *
 * const storage = memoryStorage();
 * const app = bootstrap(
 *   handlers().use(transactional(storage)).on(Join, ({ userId }, { tx, emit }) => {
 *     tx.client.set(`member ${userId}`, true);
 *     emit(Joined({ userId }));
 *     if (userId === "") throw new RangeError("Nobody");
 *   }),
 * );
 * await app.send(Join({ userId: "u1" }));
 * await assert.rejects(app.send(Join({ userId: "" })), RangeError);
 * assert.equal((await storage.outbox.statistics()).pending, 1);
 * ```
 */
export function transactional<Tx extends StorageTransaction>(
  storage: TransactionalStorage<Tx>,
  { domainEvents = "after" }: TransactionalOptions = {},
): StreamAwareMiddleware<{ readonly tx: Tx }> {
  if (domainEvents !== "after" && domainEvents !== "inside") {
    throw new TypeError(
      `Cannot handle domain events "${domainEvents}" a transaction: they are handled "after" or "inside"`,
    );
  }
  const isOpenHere = (unit: UnitOfWork): unit is OpenTransaction<Tx> =>
    unit instanceof OpenTransaction && unit.storage === storage;
  return {
    handle(context, next) {
      const open = context.unitsOfWork.find(isOpenHere);
      if (open !== undefined) return next({ tx: open.tx, unitOfWork: open });
      return storage.transaction((tx) => {
        context.signal.throwIfAborted();
        return next({ tx, unitOfWork: new OpenTransaction(storage, tx, domainEvents) });
      });
    },
    stream: ({ message }: MiddlewareContext) => refuse(message.type),
    check: ({ type, kind }) => void (kind === "stream" && refuse(type)),
  };
}

/**
 * Makes a unit of work of a transaction that is open, as {@linkcode transactional} does with one that it
 * opens itself: handlers within `transactional` of the same storage join it.
 *
 * @typeParam Tx The type of the storage's transactions.
 */
export function transactionUnit<Tx extends StorageTransaction>(
  storage: TransactionalStorage<Tx>,
  tx: Tx,
  domainEvents: "after" | "inside",
): UnitOfWork {
  return new OpenTransaction(storage, tx, domainEvents);
}

/** A transaction as the mediator sees it, from its beginning to its commit. */
class OpenTransaction<Tx extends StorageTransaction> implements UnitOfWork {
  readonly storage: TransactionalStorage<Tx>;
  readonly tx: Tx;
  readonly domainEvents: "after" | "inside";

  constructor(storage: TransactionalStorage<Tx>, tx: Tx, domainEvents: "after" | "inside") {
    this.storage = storage;
    this.tx = tx;
    this.domainEvents = domainEvents;
  }

  store(envelopes: readonly Envelope[]): Promise<void> {
    return this.storage.outbox.append(this.tx, envelopes);
  }
}

function refuse(type: string): never {
  throw new TypeError(
    `Cannot stream "${type}" in a transaction as none spans a stream: bind it to a registry without ` +
      "transactional(), and call storage.transaction() in its handler",
  );
}
