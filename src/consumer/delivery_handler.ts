import type { Delivery } from "../broker/mod.ts";
import type { Middleware } from "../mediator/mod.ts";
import type { AnyMessage, Envelope } from "../message/mod.ts";
import { transactionUnit } from "../outbox/mod.ts";
import type { StorageTransaction } from "../storage/mod.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import { deadLetterCopy } from "./dead_letter_copy.ts";
import { codeOf, isConflict } from "./error_code.ts";

/** What became of a delivery in a transaction that is committed. */
export type Handled = "handled" | "duplicate";

/** The handlers of a message failed. Whatever else a transaction throws is not theirs. */
export class HandlerFailure extends Error {
  override readonly name = "HandlerFailure";
  /** Whether they failed as somebody has changed what they had read. */
  readonly isConflict: boolean;

  constructor(isConflict: boolean, options: { readonly cause: unknown }) {
    super("A handler failed", options);
    this.isConflict = isConflict;
  }
}

/** A message and the delivery that it came by. */
interface HandledMessage {
  readonly delivery: Pick<Delivery, "envelope">;
  readonly message: AnyMessage;
}

/** How the calls of a transaction are run. */
interface Calls {
  /** What was begun. */
  readonly all: Promise<unknown>[];
  /** What the first one that failed has thrown. */
  failure?: { readonly cause: unknown };
  readonly commit: Promise<void>;
  readonly signal: AbortSignal;
}

/** Handles deliveries, each once, in transactions. */
export class DeliveryHandler {
  readonly #settings: ConsumerSettings;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  /**
   * Handles deliveries in one transaction, one after the other: it commits all of it or nothing.
   *
   * @throws {HandlerFailure} If handlers have failed; its cause is what they threw.
   * @throws Whatever the storage throws.
   */
  handle(deliveries: readonly HandledMessage[], signal: AbortSignal): Promise<readonly Handled[]> {
    const { storage, consumer } = this.#settings;
    const ids = deliveries.map(({ delivery }) => delivery.envelope.id);
    return this.#transaction(signal, async (tx, calls) => {
      const isNew = await storage.inbox.record(tx, consumer, ids);
      for (const [n, { message }] of deliveries.entries()) {
        if (isNew[n] === true) await this.#run(message, tx, calls);
      }
      return isNew.map((is) => is ? "handled" : "duplicate");
    });
  }

  /** Records a delivery that was given up, and leaves it where somebody will find it; not if it is recorded. */
  async bury(
    { envelope, position }: Pick<Delivery, "envelope" | "position">,
    { error, attempts }: { readonly error: string; readonly attempts: number },
  ): Promise<boolean> {
    const { storage, consumer, deadLetterTopic } = this.#settings;
    return await storage.transaction(async (tx) => {
      const [isNew = false] = await storage.inbox.record(tx, consumer, [envelope.id]);
      if (!isNew) return false;
      const letter = { consumer, envelope, attempts, error };
      const copy = deadLetterTopic !== undefined &&
        deadLetterCopy(deadLetterTopic, { ...letter, position });
      try {
        if (copy !== false) await storage.outbox.append(tx, [copy]);
        else await storage.inbox.bury(tx, letter);
      } catch (error) {
        // The storage was told what it may publish, and not this; or it can publish nothing of the kind.
        if (!(codeOf(error) === "unknown_notification" || error instanceof TypeError)) throw error;
        await storage.inbox.bury(tx, letter);
      }
      return true;
    });
  }

  /** Handles a dead letter in a transaction that takes it out. Whether there was one. */
  async redeliver(
    messageId: string,
    read: (envelope: Envelope) => Promise<AnyMessage>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { storage, consumer } = this.#settings;
    try {
      return await this.#transaction(signal, async (tx, calls) => {
        const letter = await storage.inbox.deadLetters.take(tx, consumer, messageId);
        if (letter === undefined) return false;
        await this.#run(await read(letter.envelope), tx, calls);
        return true;
      });
    } catch (error) {
      throw error instanceof HandlerFailure && !error.isConflict ? error.cause : error;
    }
  }

  /** Runs calls in a transaction, and waits until all that follows from them is done. */
  async #transaction<R>(
    signal: AbortSignal,
    run: (tx: StorageTransaction, calls: Calls) => Promise<R>,
  ): Promise<R> {
    const commit = Promise.withResolvers<void>();
    commit.promise.catch(() => {}); // seen by the calls that wait for it, if there are any
    const calls: Calls = { all: [], commit: commit.promise, signal };
    let result: R;
    try {
      result = await this.#settings.storage.transaction(async (tx) => {
        const done = await run(tx, calls);
        signal.throwIfAborted();
        return done;
      });
    } catch (error) {
      commit.reject(error);
      await Promise.allSettled(calls.all);
      if (calls.failure === undefined) throw error;
      throw new HandlerFailure(isConflict(error), calls.failure);
    }
    commit.resolve();
    await Promise.allSettled(calls.all); // what follows a commit is the application's own to see to
    return result;
  }

  /**
   * Runs the handlers of a message in a transaction. Resolves when they have succeeded; what follows from
   * the commit comes later. Rejects with what they throw, so that the storage can tell a conflict.
   */
  #run(message: AnyMessage, tx: StorageTransaction, calls: Calls): Promise<void> {
    const { app, storage } = this.#settings;
    const inside = Promise.withResolvers<void>();
    const around: Middleware = async (_context, next) => {
      const result = await next({ unitOfWork: transactionUnit(storage, tx, "inside") });
      inside.resolve();
      await calls.commit;
      return result;
    };
    const options = { around, signal: calls.signal };
    const call = message.kind === "command"
      ? app.send(message as never, options)
      : app.dispatch(message as never, options);
    let isInside = true;
    inside.promise.then(() => isInside = false, () => {});
    call.catch((cause) => {
      if (isInside) calls.failure ??= { cause };
      inside.reject(cause);
    });
    calls.all.push(call);
    return inside.promise;
  }
}
