import type { Publisher, Source } from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";

/**
 * What the cases of `publisherCases` and `sourceCases` need; made anew for each case. Disposing of it
 * disposes of its sources.
 */
export interface BrokerHarness extends AsyncDisposable {
  /** The publisher to try. */
  readonly publisher: Publisher;
  /** Makes a topic that nobody has used, with several partitions if the broker knows such. */
  createTopic(): Promise<string>;
  /**
   * Makes a source of a group to try. Sources of the same group share what is published, as those of
   * several processes do. A group that is new begins with the oldest message of its topics.
   *
   * The topics are those that the case will read: a broker that hands messages to queues needs to know
   * before they are published.
   */
  source(group: string, topics: readonly string[]): Source | Promise<Source>;
  /** Publishes bytes as they are, without anything that a format writes beside them. */
  publishRaw(topic: string, body: Uint8Array): Promise<void>;
  /**
   * Makes a message that the broker refuses, alone among others, such as one that is too large or that
   * nobody receives. A runner whose broker refuses nothing leaves out the cases that need `"refusal"`.
   */
  refused?(): Promise<Envelope>;
}
