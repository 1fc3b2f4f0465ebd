import type { Source } from "../broker/mod.ts";
import { groupSource, type KafkaReadOptions } from "./group_source.ts";
import type { PlatformaticConsumer } from "./platformatic_client.ts";
import { PlatformaticMember } from "./platformatic_member.ts";

/**
 * The settings that a consumer needs for {@linkcode platformaticSource}: spread them into those that it is made
 * with.
 */
export interface PlatformaticConsumerSettings {
  /** The consumer group. */
  readonly groupId: string;
  /** Only what is acknowledged is noted. */
  readonly autocommit: false;
  /** As `sessionTimeoutMs`. */
  readonly sessionTimeout: number;
  /** The pause between two signs of life, in milliseconds. */
  readonly heartbeatInterval: number;
  /** How long a member may take to come when the group divides its partitions, in milliseconds. */
  readonly rebalanceTimeout: number;
}

/**
 * Reads from Kafka through the package `@platformatic/kafka`, as a consumer group. TLS and SASL are what
 * the consumers are made with: one for each subscription, and another when one has failed.
 *
 * It promises what {@linkcode kafkaSource} promises. The two cannot be members of one group at the same
 * time, as they give their ways of dividing partitions different names.
 *
 * @throws {TypeError} If `groupId` is empty.
 * @throws {RangeError} If a number makes no sense.
 *
 * @example
 * ```ts ignore
 * import { platformaticSource } from "@sluice/cqrs/kafka";
 * import { Consumer } from "@platformatic/kafka";
 *
 * const source = platformaticSource(
 *   (settings) => new Consumer({ clientId: "billing", bootstrapBrokers: ["localhost:9092"], ...settings }),
 *   { groupId: "billing" },
 * );
 * ```
 */
export function platformaticSource(
  create: (settings: PlatformaticConsumerSettings) => PlatformaticConsumer,
  options: KafkaReadOptions,
): Source {
  return groupSource(options, (topics, checked) => {
    const { groupId, sessionTimeoutMs } = checked;
    const consumer = create({
      groupId,
      autocommit: false,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.ceil(sessionTimeoutMs / 10),
      rebalanceTimeout: Math.max(60_000, sessionTimeoutMs),
    });
    return new PlatformaticMember(consumer, topics, checked);
  });
}
