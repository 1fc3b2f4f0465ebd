import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import type { WireMessage } from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";
import { propertiesOf } from "./amqp_message.ts";
import type { Link } from "./link.ts";
import { declareTopic } from "./topology.ts";

/** How messages are handed to the server. */
export interface ChannelSettings {
  readonly declares: boolean;
  readonly mandatory: boolean;
  readonly persistent: boolean;
}

/** A message that is on its way. */
interface Pending {
  readonly name: string;
  readonly giveUp: (reason: unknown) => void;
  returned: string | undefined;
}

/** A channel that publishes, with what was declared through its connection. It is of no use once it is closed. */
export class PublishChannel {
  readonly #link: Link;
  readonly #channel: AMQPChannel;
  readonly #settings: ChannelSettings;
  readonly #declared: Map<string, Promise<void>> = new Map();
  readonly #isThere: Set<string> = new Set();
  /** In the order in which they were published. */
  readonly #pending: Set<Pending> = new Set();
  #isClosed = false;

  private constructor(link: Link, channel: AMQPChannel, settings: ChannelSettings) {
    this.#link = link;
    this.#channel = channel;
    this.#settings = settings;
    channel.onReturn = (message) => this.#returned(message);
  }

  static async open(link: Link, settings: ChannelSettings): Promise<PublishChannel> {
    const channel = await link.channel();
    await link.answer(channel.connection, channel.confirmSelect());
    return new PublishChannel(link, channel, settings);
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#channel.closed || !this.#link.isOpen(this.#channel.connection);
  }

  /**
   * Gives up what is not confirmed, so that a queue which answers nobody does not hold back what goes to
   * others. A server that takes nothing for now answers later, and is left alone.
   */
  close(reason: unknown): void {
    if (this.#isClosed || this.#channel.connection.blocked !== undefined) return;
    this.#isClosed = true;
    for (const { giveUp } of this.#pending) giveUp(reason);
    if (!this.#channel.closed) this.#channel.close().catch(() => {});
  }

  /** Whether the exchange of a topic is known to be there. */
  isDeclared(topic: string): boolean {
    return this.#isThere.has(topic);
  }

  /** Makes the exchange of a topic, or looks whether it is there: once for each connection. */
  declare(topic: string): Promise<void> {
    const known = this.#declared.get(topic);
    if (known !== undefined) return known;
    const declared = this.#declare(topic);
    this.#declared.set(topic, declared);
    declared.then(() => this.#isThere.add(topic), () => this.#declared.delete(topic));
    return declared;
  }

  async #declare(topic: string): Promise<void> {
    // A channel of its own, as the server closes the one on which it refuses something.
    const channel = await this.#link.channel();
    const asked = this.#settings.declares
      ? declareTopic(channel, topic)
      : channel.exchangeDeclare(topic, "topic", { passive: true });
    await this.#link.answer(channel.connection, asked);
    await this.#link.answer(channel.connection, channel.close());
  }

  /** Resolves when the server has confirmed the message, and rejects if it has not. */
  async publish({ id, topic, type }: Envelope, wire: WireMessage): Promise<void> {
    const { mandatory, persistent } = this.#settings;
    const properties = propertiesOf(wire, id, persistent);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const pending: Pending = { name: nameOf(topic, id), giveUp: reject, returned: undefined };
    this.#pending.add(pending);
    this.#channel.basicPublish(topic, type, wire.body, properties, mandatory).then(resolve, reject);
    try {
      await promise;
    } finally {
      this.#pending.delete(pending);
    }
    if (pending.returned !== undefined) throw new Error(pending.returned);
  }

  /** The server returns a message before it confirms it. */
  #returned({ exchange, properties, replyCode, replyText }: AMQPMessage): void {
    const name = nameOf(exchange, properties.messageId);
    for (const pending of this.#pending) {
      if (pending.name !== name || pending.returned !== undefined) continue;
      pending.returned = `It cannot be routed: ${replyText} (${replyCode})`;
      return;
    }
  }
}

function nameOf(exchange: string, id: string | undefined): string {
  return `${exchange} ${id}`;
}
