import type { Source } from "../broker/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { App } from "../mediator/mod.ts";
import { type Codec, jsonCodec } from "../message/mod.ts";
import { type Backoff, exponentialBackoff } from "../resilience/mod.ts";
import type { Storage, StorageTransaction } from "../storage/mod.ts";
import type { ConsumerEvent } from "./consumer_event.ts";
import type { EventConsumerOptions } from "./consumer_options.ts";

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
  requireCount("maxStarts", maxStarts, false, 2);
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

function requireCount(option: string, value: number, isAllowed = false, least = 1): void {
  if (isAllowed || (Number.isSafeInteger(value) && value >= least)) return;
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
