import type { Delivery } from "../broker/mod.ts";
import type { Middleware } from "../mediator/mod.ts";
import type { AnyMessage, Envelope } from "../message/mod.ts";
import { transactionUnit } from "../outbox/mod.ts";
import type { StorageTransaction } from "../storage/mod.ts";
import type { ConsumerSettings } from "./consumer_options.ts";

/** A message that was read, and where it came from. */
export interface ReadDelivery {
  readonly delivery: Delivery;
  readonly message: AnyMessage;
}

/** What became of a delivery in a transaction that is committed. */
export type Handled = "handled" | "duplicate";

/** The handlers of a message failed. Whatever else a transaction throws is not theirs. */
export class HandlerFailure extends Error {
  override readonly name = "HandlerFailure";
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
  async handle(deliveries: readonly ReadDelivery[], signal: AbortSignal): Promise<Handled[]> {
    const { storage, consumer } = this.#settings;
    const commit = Promise.withResolvers<void>();
    commit.promise.catch(() => {}); // seen by the calls that wait for it, if there are any
    const calls: Promise<unknown>[] = [];
    const outcomes: Handled[] = [];
    try {
      await storage.transaction(async (tx) => {
        const ids = deliveries.map(({ delivery }) => delivery.envelope.id);
        const isNew = await storage.inbox.record(tx, consumer, ids);
        for (const [n, { message }] of deliveries.entries()) {
          outcomes[n] = isNew[n] === true ? "handled" : "duplicate";
          if (isNew[n] !== true) continue;
          const { inside, call } = this.#run(message, tx, { commit: commit.promise, signal });
          calls.push(call);
          await inside;
        }
        signal.throwIfAborted();
      });
    } catch (error) {
      commit.reject(error);
      await Promise.allSettled(calls);
      throw error;
    }
    commit.resolve();
    await Promise.allSettled(calls); // what follows a commit is the application's own to see to
    return outcomes;
  }

  /** Records a delivery that was given up, and leaves it where somebody will find it. */
  async bury(
    { envelope, position }: Pick<Delivery, "envelope" | "position">,
    { error, attempts }: { readonly error: string; readonly attempts: number },
  ): Promise<void> {
    const { storage, consumer, deadLetterTopic } = this.#settings;
    await storage.transaction(async (tx) => {
      const [isNew] = await storage.inbox.record(tx, consumer, [envelope.id]);
      if (isNew !== true) return;
      const letter = { consumer, envelope, attempts, error };
      if (deadLetterTopic === undefined) return await storage.inbox.bury(tx, letter);
      const copy = copyFor(deadLetterTopic, { ...letter, position });
      try {
        await storage.outbox.append(tx, [copy]);
      } catch (error) {
        // The storage was told what it may publish, and not this.
        if ((error as { code?: unknown }).code !== "unknown_notification") throw error;
        await storage.inbox.bury(tx, letter);
      }
    });
  }

  /** Handles a dead letter in a transaction that takes it out. Whether there was one. */
  async redeliver(
    messageId: string,
    read: (envelope: Envelope) => Promise<AnyMessage | undefined>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { storage, consumer } = this.#settings;
    const commit = Promise.withResolvers<void>();
    commit.promise.catch(() => {});
    let call: Promise<unknown> | undefined;
    let isFound = false;
    try {
      await storage.transaction(async (tx) => {
        const letter = await storage.inbox.deadLetters.take(tx, consumer, messageId);
        isFound = letter !== undefined;
        const message = letter && await read(letter.envelope);
        if (letter !== undefined && message === undefined) {
          throw new TypeError(`Cannot handle "${letter.envelope.type}" as nothing handles it`);
        }
        if (message === undefined) return;
        const run = this.#run(message, tx, { commit: commit.promise, signal });
        call = run.call;
        await run.inside;
      });
    } catch (error) {
      commit.reject(error);
      await call?.catch(() => {});
      throw error instanceof HandlerFailure ? error.cause : error;
    }
    commit.resolve();
    await call?.catch(() => {});
    return isFound;
  }

  /**
   * Runs the handlers of a message in a transaction. `inside` settles when they have; `call` when the
   * transaction has ended and what follows from it is done.
   */
  #run(
    message: AnyMessage,
    tx: StorageTransaction,
    { commit, signal }: { readonly commit: Promise<void>; readonly signal: AbortSignal },
  ): { readonly inside: Promise<void>; readonly call: Promise<unknown> } {
    const { app, storage } = this.#settings;
    const inside = Promise.withResolvers<void>();
    const around: Middleware = async (_context, next) => {
      const unitOfWork = transactionUnit(storage, tx, "inside");
      const result = await next({ unitOfWork });
      inside.resolve();
      await commit;
      return result;
    };
    const options = { around, signal };
    const call = message.kind === "command"
      ? app.send(message as never, options)
      : app.dispatch(message as never, options);
    call.catch((cause) => inside.reject(new HandlerFailure("A handler failed", { cause })));
    return { inside: inside.promise, call };
  }
}

function copyFor(
  topic: string,
  { envelope, consumer, attempts, error, position }: {
    readonly envelope: Envelope;
    readonly consumer: string;
    readonly attempts: number;
    readonly error: string;
    readonly position: string;
  },
): Envelope {
  return {
    ...envelope,
    topic,
    headers: {
      ...envelope.headers,
      "dead-letter-consumer": consumer,
      "dead-letter-topic": envelope.topic,
      "dead-letter-position": position,
      "dead-letter-attempts": String(attempts),
      "dead-letter-error": error,
    },
  };
}
