import type { Source } from "../broker/mod.ts";
import type { Clock } from "../clock.ts";
import type { App } from "../mediator/mod.ts";
import type { Codec } from "../message/mod.ts";
import type { Backoff, BackoffOptions } from "../resilience/mod.ts";
import type { Storage, StorageTransaction } from "../storage/mod.ts";
import type { ConsumerEvent } from "./consumer_event.ts";

/** How messages are tried again whose handlers fail. */
export interface ConsumerRetryOptions {
  /**
   * How often a message is tried before it becomes a dead letter, a positive integer or `Infinity`. It is
   * counted by the run or tick that tries it: one that ends before leaves all of them to the next.
   *
   * @default {5}
   */
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
   * what happened: `dead-letter-consumer`, `-topic`, `-position`, `-attempts` and `-error`. The copy has
   * the id of the message, so a consumer of that topic needs another name. A message that the outbox
   * refuses goes into the table of the storage, as without this option.
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
   * How often a message may be begun by processes that then died of something, before it is given up, an
   * integer from 2: the first time may have been the fault of one that was fetched with it. Where a broker
   * counts deliveries, the first of a message is not counted here, which saves the database a write.
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
