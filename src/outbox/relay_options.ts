import type { Publisher } from "../broker/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Envelope } from "../message/mod.ts";
import { type Backoff, type BackoffOptions, exponentialBackoff } from "../resilience/mod.ts";
import type { OutboxStore } from "../storage/mod.ts";

/** Where a relay gets messages from: the outbox of a storage, or the tail of a database's log. */
export type OutboxSource = Pick<OutboxStore, "open" | "subscribe">;

/** How often and when a message is tried again. */
export interface RelayRetryOptions {
  /** How often a message is tried before it becomes a dead letter, a positive integer; `Infinity` never gives up. @default {10} */
  readonly maxAttempts?: number;
  /**
   * The delays between the attempts at one message.
   *
   * @default {exponentialBackoff({ initialDelayMs: 1_000, maxDelayMs: 300_000 })}
   */
  readonly backoff?: Backoff | BackoffOptions;
}

/** Something that a relay did or failed to do. */
export type RelayEvent =
  /** The broker confirmed a message. */
  | { readonly type: "published"; readonly envelope: Envelope }
  /** The broker refused a message for the `attempt`th time; it is tried again after a delay. */
  | {
    readonly type: "publish_failed";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempt: number;
    readonly retryAfterMs: number;
  }
  /** A message was given up: it is a dead letter now. */
  | {
    readonly type: "dead_lettered";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempts: number;
  }
  /** The broker does not answer. Nothing is held against the messages. */
  | { readonly type: "broker_unavailable"; readonly error: unknown }
  /** The relay was silent for too long. What it had published and not written down is published again. */
  | { readonly type: "lease_lost" }
  /** A tick of a running relay failed; the next one comes after a delay. */
  | { readonly type: "failed"; readonly error: unknown };

/** How a relay works. */
export interface OutboxRelayOptions {
  /** The storage whose outbox it publishes. One of `storage` and `source` has to be there. */
  readonly storage?: { readonly outbox: OutboxSource };
  /** Where the messages come from instead. @default {storage.outbox} */
  readonly source?: OutboxSource;
  /** Takes the messages. It stays open: whoever opened it closes it. */
  readonly broker: Publisher;
  /** The topics that it publishes; other relays can have others. @default all topics */
  readonly topics?: readonly string[];
  /** How many messages it reads and publishes at a time, a positive integer. @default {500} */
  readonly batchSize?: number;
  /**
   * How long what it holds stays its own while nothing is heard of it, in milliseconds, at least
   * 1,000: after that others take over from a relay that died. By the clock of the database.
   *
   * @default {30_000}
   */
  readonly leaseMs?: number;
  /** How messages that the broker refuses are tried again. */
  readonly retry?: RelayRetryOptions;
  /**
   * What becomes of the key of a dead letter. `"park"`: later messages of the key wait until somebody
   * requeues or discards it. `"continue"`: they leave without it.
   *
   * @default {"park"}
   */
  readonly afterDeadLetter?: "park" | "continue";
  /** How long the broker may take to answer to a batch, in milliseconds; `Infinity` waits for ever. @default {30_000} */
  readonly publishTimeoutMs?: number;
  /** Sees what the relay does. It must not throw; what it throws is ignored. @default nobody */
  readonly observer?: (event: RelayEvent) => void;
  /** The clock of delays and limits within the process. @default {systemClock} */
  readonly clock?: Clock;
}

/** Validated {@linkcode OutboxRelayOptions}. */
export interface RelaySettings {
  readonly source: OutboxSource;
  readonly broker: Publisher;
  readonly topics: readonly string[] | undefined;
  readonly batchSize: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly continues: boolean;
  readonly publishTimeoutMs: number;
  readonly report: (event: RelayEvent) => void;
  readonly clock: Clock;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If there is no source, or no topic in `topics`.
 */
export function relaySettings(options: OutboxRelayOptions): RelaySettings {
  const { source = options.storage?.outbox, topics, afterDeadLetter = "park" } = options;
  if (source === undefined) {
    throw new TypeError("Cannot create the relay as it has neither a storage nor a source");
  }
  if (topics?.length === 0) throw new TypeError("Cannot create the relay as it has no topics");
  if (afterDeadLetter !== "park" && afterDeadLetter !== "continue") {
    throw new TypeError(
      `Cannot create the relay: afterDeadLetter must be "park" or "continue", got ${afterDeadLetter}`,
    );
  }
  const { batchSize = 500, leaseMs = 30_000, publishTimeoutMs = 30_000 } = options;
  const { maxAttempts = 10, backoff = {} } = options.retry ?? {};
  requireRange("batchSize", batchSize, Number.isSafeInteger(batchSize) && batchSize > 0);
  requireRange("leaseMs", leaseMs, Number.isFinite(leaseMs) && leaseMs >= 1_000);
  requireRange("publishTimeoutMs", publishTimeoutMs, publishTimeoutMs > 0);
  requireRange(
    "maxAttempts",
    maxAttempts,
    maxAttempts === Infinity || (Number.isSafeInteger(maxAttempts) && maxAttempts > 0),
  );
  return {
    source,
    broker: options.broker,
    topics,
    batchSize,
    leaseMs,
    maxAttempts,
    backoff: typeof backoff === "function"
      ? backoff
      : exponentialBackoff({ initialDelayMs: 1_000, maxDelayMs: 300_000, ...backoff }),
    continues: afterDeadLetter === "continue",
    publishTimeoutMs,
    report: reporter(options.observer),
    clock: options.clock ?? systemClock,
  };
}

function requireRange(option: string, value: number, isInRange: boolean): void {
  if (isInRange) return;
  throw new RangeError(`Cannot create the relay: ${option} is out of its range, got ${value}`);
}

function reporter(observer: ((event: RelayEvent) => void) | undefined) {
  return (event: RelayEvent): void => {
    try {
      observer?.(event);
    } catch {
      // A broken observer must not break what it observes.
    }
  };
}
