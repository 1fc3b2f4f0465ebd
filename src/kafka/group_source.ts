import { checkSubscribeOptions, cloudEvents, type Source, type WireFormat } from "../broker/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { GroupMember } from "./group_member.ts";
import { GroupSubscription } from "./group_subscription.ts";

/** How a source reads from Kafka, whichever client it uses. */
export interface KafkaReadOptions {
  /** The consumer group. */
  readonly groupId: string;
  /** How messages are read. @default {cloudEvents({ prefix: "ce_" })} */
  readonly format?: WireFormat;
  /**
   * How long a broker waits, in milliseconds, before it answers that there is nothing new. It answers at
   * once when there is something. Less makes reading go on faster after a pause, and the end of a
   * subscription faster; more makes fewer requests.
   *
   * @default {100}
   */
  readonly maxWaitMs?: number;
  /**
   * How many bytes of a partition may wait here to be delivered. When there are as many, no more is read
   * of it until half of them are gone. What one request brings can come on top, which is 1 MiB of a
   * partition.
   *
   * @default {1_048_576}
   */
  readonly maxWaitingBytes?: number;
  /**
   * How long at least, in milliseconds, between two notes to the broker of how far the group has read. What
   * was acknowledged since the last one comes again if the process dies; 0 notes without a pause.
   *
   * @default {100}
   */
  readonly commitIntervalMs?: number;
  /**
   * After how many milliseconds without a sign of life the group gives a member's partitions to others.
   * Signs of life are sent however long a message is handled. As long does it take others to get its
   * partitions when it dies, and kafkajs to come back when the brokers were away.
   *
   * @default {10_000}
   */
  readonly sessionTimeoutMs?: number;
  /** Is told of failures that the source recovers from: lost connections, notes that failed. @default nobody */
  readonly onError?: (error: unknown) => void;
  /** The clock of the pauses. @default {systemClock} */
  readonly clock?: Clock;
}

/** The options, checked and filled in. */
export type CheckedReadOptions = Required<KafkaReadOptions>;

/** Makes a source of what joins the group. */
export function groupSource(
  options: KafkaReadOptions,
  join: (topics: readonly string[], options: CheckedReadOptions) => GroupMember,
): Source {
  const checked = checkReadOptions(options);
  const subscriptions = new Set<GroupSubscription>();
  return {
    subscribe(subscribeOptions) {
      const subscription = new GroupSubscription({
        ...checked,
        ...checkSubscribeOptions(subscribeOptions),
        join: (topics) => join(topics, checked),
        onEnd: (ended) => void subscriptions.delete(ended),
      });
      subscriptions.add(subscription);
      return subscription;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...subscriptions].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

function checkReadOptions(options: KafkaReadOptions): CheckedReadOptions {
  const checked = {
    format: cloudEvents({ prefix: "ce_" }),
    maxWaitMs: 100,
    maxWaitingBytes: 1_048_576,
    commitIntervalMs: 100,
    sessionTimeoutMs: 10_000,
    onError: () => {},
    clock: systemClock,
    ...options,
  };
  if (checked.groupId === "") {
    throw new TypeError('Cannot create a source as "groupId" is empty');
  }
  for (const name of ["maxWaitMs", "maxWaitingBytes", "sessionTimeoutMs"] as const) {
    if (checked[name] >= 1) continue;
    throw new RangeError(`Cannot create a source as "${name}" must be positive: ${checked[name]}`);
  }
  if (!(checked.commitIntervalMs >= 0)) {
    throw new RangeError(
      `Cannot create a source as "commitIntervalMs" must not be negative: ${checked.commitIntervalMs}`,
    );
  }
  return checked;
}
