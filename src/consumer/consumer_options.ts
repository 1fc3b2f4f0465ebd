import type { Delivery, Source } from "../broker/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { App } from "../mediator/mod.ts";
import { type Codec, type Envelope, jsonCodec } from "../message/mod.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../resilience/mod.ts";
import type { Storage, StorageTransaction } from "../storage/mod.ts";

/** What a consumer did with a message. */
export type ConsumerEvent =
  /** It was handled: its transaction is committed. */
  | { readonly type: "handled"; readonly envelope: Envelope; readonly attempts: number }
  /** It was handled before, so nothing was run. */
  | { readonly type: "duplicate"; readonly envelope: Envelope }
  /** The application handles no such message on this topic; it is acknowledged. */
  | { readonly type: "unhandled"; readonly envelope: Envelope }
  /** Its handlers failed; nothing of what they did remains. It is tried again after a delay. */
  | {
    readonly type: "failed";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempt: number;
    readonly retryAfterMs: number;
  }
  /** It was given up: it is a dead letter now. */
  | {
    readonly type: "dead_lettered";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempts: number;
  }
  /** Messages that were to be handled in one transaction are handled one by one, as that failed. */
  | { readonly type: "batch_failed"; readonly size: number; readonly error: unknown }
  /** The database does not answer. Nothing is held against the messages; they are tried again after a delay. */
  | { readonly type: "storage_failed"; readonly error: unknown; readonly retryAfterMs: number }
  /** The broker does not answer. What is unsettled comes again. The consumer tries again after a delay. */
  | { readonly type: "source_failed"; readonly error: unknown; readonly retryAfterMs: number };

/** How messages are tried again whose handlers fail. */
export interface ConsumerRetryOptions {
  /** How often a message is tried before it becomes a dead letter, a positive integer or `Infinity`. @default {5} */
  readonly maxAttempts?: number;
  /**
   * The delays before it is tried again; its partition waits meanwhile.
   *
   * @default {exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 30_000 })}
   */
  readonly backoff?: Backoff | BackoffOptions;
  /** Whether an error is worth another attempt; otherwise the message is given up at once. @default all are */
  readonly when?: (error: unknown) => boolean;
}

/** Where messages go that were given up. */
export interface DeadLetterTopic {
  /**
   * The topic that a copy is published to, through the outbox of the storage and its relay. Headers say
   * what happened: `dead-letter-consumer`, `-topic`, `-position`, `-attempts` and `-error`.
   */
  readonly topic: string;
}

/**
 * How a consumer works.
 *
 * @typeParam Tx The type of the storage's transactions.
 */
export interface EventConsumerOptions<Tx extends StorageTransaction = StorageTransaction> {
  /** Where the messages come from. It stays open: whoever opened it closes it. */
  readonly source: Source;
  /** The topics to read. */
  readonly topics: readonly string[];
  /** Handles the messages: its notifications by topic and name on the wire, its commands by name. */
  readonly app: Pick<App<never>, "definitions" | "dispatch" | "send">;
  /** Keeps which messages were handled. Handlers within `transactional(storage)` share the transaction. */
  readonly storage: Storage<Tx>;
  /** The name of the consumer, the same in all its processes: a message is handled once for each name. */
  readonly consumer: string;
  /** How messages are tried again. */
  readonly retry?: ConsumerRetryOptions;
  /** Where messages go that were given up. @default the table of the storage: `storage.inbox.deadLetters` */
  readonly deadLetter?: DeadLetterTopic;
  /**
   * How often a message may be begun by processes that then died of something, before it is given up, a
   * positive integer. A broker's own count of deliveries stands in for it where there is one.
   *
   * @default {3}
   */
  readonly maxStarts?: number;
  /** How many partitions are worked on at the same time, a positive integer or `Infinity`. @default {10} */
  readonly concurrency?: number;
  /**
   * How many messages of one partition are handled in one transaction, a positive integer. When one of
   * them fails, they are handled one by one.
   *
   * @default {1}
   */
  readonly batchSize?: number;
  /**
   * How many messages of a partition are fetched ahead, a positive integer: what the memory holds of each.
   *
   * @default {100, or batchSize if that is more}
   */
  readonly prefetch?: number;
  /** Decodes the data of messages whose notification has no codec of its own. @default {jsonCodec()} */
  readonly codec?: Codec;
  /** Sees what happens to messages. It must not throw; what it throws is ignored. @default nobody */
  readonly observer?: (event: ConsumerEvent) => void;
  /** The clock of delays and budgets. @default {systemClock} */
  readonly clock?: Clock;
}

/** Checked {@linkcode EventConsumerOptions}. */
export interface ConsumerSettings {
  readonly source: Source;
  readonly topics: readonly string[];
  readonly app: Pick<App<never>, "definitions" | "dispatch" | "send">;
  readonly storage: Storage;
  readonly consumer: string;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly isWorthRetrying: (error: unknown) => boolean;
  readonly deadLetterTopic: string | undefined;
  readonly maxStarts: number;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly prefetch: number;
  readonly codec: Codec;
  readonly report: (event: ConsumerEvent) => void;
  readonly clock: Clock;
}

/** A delivery and how often it is known to have been begun before. */
export interface Begun {
  readonly delivery: Delivery;
  readonly starts: number;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If there are no topics, or the consumer has no name.
 */
export function consumerSettings<Tx extends StorageTransaction>(
  options: EventConsumerOptions<Tx>,
): ConsumerSettings {
  const { source, topics, app, consumer, deadLetter } = options;
  if (topics.length === 0) throw new TypeError("Cannot create the consumer as it has no topics");
  if (consumer === "") throw new TypeError("Cannot create the consumer as it has no name");
  const { maxAttempts = 5, backoff = {}, when = () => true } = options.retry ?? {};
  const { maxStarts = 3, concurrency = 10, batchSize = 1 } = options;
  const prefetch = options.prefetch ?? Math.max(100, batchSize);
  requireCount("maxAttempts", maxAttempts, maxAttempts === Infinity);
  requireCount("maxStarts", maxStarts);
  requireCount("concurrency", concurrency, concurrency === Infinity);
  requireCount("batchSize", batchSize);
  requireCount("prefetch", prefetch);
  return {
    source,
    topics,
    app,
    // A transaction comes from this storage and goes back to it, so its type does not matter.
    storage: options.storage as Storage<never> as Storage,
    consumer,
    maxAttempts,
    backoff: typeof backoff === "function"
      ? backoff
      : exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 30_000, ...backoff }),
    isWorthRetrying: when,
    deadLetterTopic: deadLetter?.topic,
    maxStarts,
    concurrency,
    batchSize: Math.min(batchSize, prefetch),
    prefetch,
    codec: options.codec ?? jsonCodec(),
    report: reporter(options.observer),
    clock: options.clock ?? systemClock,
  };
}

function requireCount(option: string, value: number, isAllowed = false): void {
  if (isAllowed || (Number.isSafeInteger(value) && value > 0)) return;
  throw new RangeError(`Cannot create the consumer: ${option} is out of its range, got ${value}`);
}

function reporter(observer: ((event: ConsumerEvent) => void) | undefined) {
  return (event: ConsumerEvent): void => {
    try {
      observer?.(event);
    } catch {
      // A broken observer must not break what it observes.
    }
  };
}
