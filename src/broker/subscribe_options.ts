import type { SubscribeOptions } from "./source.ts";

/**
 * Checks the options of `subscribe()` for an implementation of a source, and fills in what they leave out.
 *
 * @throws {TypeError} If there are no topics.
 * @throws {RangeError} If `maxUnsettled` is not a positive whole number.
 */
export function checkSubscribeOptions(
  { topics, maxUnsettled = 1 }: SubscribeOptions,
): Required<SubscribeOptions> {
  if (topics.length === 0) throw new TypeError("Cannot subscribe to no topics");
  if (!Number.isInteger(maxUnsettled) || maxUnsettled < 1) {
    throw new RangeError(
      `Cannot subscribe as "maxUnsettled" must be a positive whole number: ${maxUnsettled}`,
    );
  }
  return { topics: [...new Set(topics)], maxUnsettled };
}
