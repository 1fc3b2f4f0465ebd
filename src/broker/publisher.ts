import { SluiceError } from "../errors.ts";
import type { Envelope } from "../message/mod.ts";

/** What became of one published message: the broker confirmed it, or it did not. */
export type PublishResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: unknown };

/** How {@linkcode Publisher.publish} runs. */
export interface PublishOptions {
  /** Stops waiting for the broker; messages that it has taken stay published. */
  readonly signal?: AbortSignal;
}

/**
 * Hands messages to a broker.
 *
 * An implementation must answer with one result per message, in the order of
 * the messages, and report a message as `ok` only when the broker has confirmed
 * it. Messages with the same key on the same topic must keep their order. It
 * may be called concurrently. It rejects only when it knows nothing about any
 * of the messages. Disposing it releases what it opened itself, never the
 * client that it was given.
 */
export interface Publisher extends AsyncDisposable {
  /**
   * Whether a message that failed keeps the later ones of its key and topic in the same call from being
   * published. Whoever needs their order hands them over together then, and otherwise one call after the
   * other, each when the one before is confirmed.
   *
   * @default {false}
   */
  readonly keepsOrderOnFailure?: boolean;
  /** Publishes `messages` in their order. */
  publish(
    messages: readonly Envelope[],
    options?: PublishOptions,
  ): Promise<readonly PublishResult[]>;
}

/**
 * A broker did not confirm a message, or the storage that keeps it for one (`bootstrap({ storage })`)
 * did not take it: it may or may not be published, now or by a relay later.
 */
export class PublishError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "PublishError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "publish";
  /** The id of the message. */
  readonly messageId: string;
  /** The topic that it was meant for. */
  readonly topic: string;

  /** Creates the error; `options.cause` is what the broker answered, or what the storage threw. */
  constructor({ id, topic }: Pick<Envelope, "id" | "topic">, options?: ErrorOptions) {
    super(`Cannot confirm the publication of message "${id}" to topic "${topic}"`, options);
    this.messageId = id;
    this.topic = topic;
  }
}
