import { cloudEvents, type WireFormat } from "../broker/mod.ts";

/** How a publisher to Kafka writes, whichever client it uses. */
export interface KafkaPublishOptions {
  /** How messages are written. @default {cloudEvents({ prefix: "ce_" })} */
  readonly format?: WireFormat;
  /**
   * The size of a request, in bytes before compression. A broker refuses a batch that is larger than the
   * topic's `max.message.bytes`, which is 1 MiB if nobody has changed it. A message that alone is larger
   * is sent alone.
   *
   * @default {900_000}
   */
  readonly maxRequestBytes?: number;
  /**
   * Whether the broker is to know a request that it is sent again, so that a retry of the client stores
   * nothing twice.
   *
   * @default {true}
   */
  readonly idempotent?: boolean;
}

/** Checks options, and fills in what they leave out. */
export function checkPublishOptions(
  { format = cloudEvents({ prefix: "ce_" }), maxRequestBytes = 900_000, idempotent = true }:
    KafkaPublishOptions,
): Required<KafkaPublishOptions> {
  if (!(maxRequestBytes >= 1)) {
    throw new RangeError(
      `Cannot create a publisher as "maxRequestBytes" must be positive: ${maxRequestBytes}`,
    );
  }
  return { format, maxRequestBytes, idempotent };
}
