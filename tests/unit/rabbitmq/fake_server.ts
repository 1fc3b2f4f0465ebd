/**
 * A server of RabbitMQ as its client sees it: it answers at once, or not at all, and does what a test says.
 *
 * @module
 */

import {
  AMQPBaseClient,
  AMQPChannel,
  AMQPConsumer,
  AMQPMessage,
  type AMQPProperties,
} from "@cloudamqp/amqp-client";

/** A message that was published, to be confirmed or refused. */
export interface Published {
  readonly channel: FakeChannel;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: AMQPProperties;
  readonly mandatory: boolean;
  confirm(): void;
  refuse(error: Error): void;
}

/** What the tests tell it, and what it was asked. */
export class FakeServer {
  /** Whether it takes connections. */
  isUp = true;
  /** Whether it confirms what is published. */
  confirms = true;
  /** What it does not answer, such as `"basicConsume"`. */
  readonly silent: Set<string> = new Set();
  /** What it refuses, with its words. */
  readonly refused: Map<string, string> = new Map();
  readonly asked: string[] = [];
  readonly clients: FakeClient[] = [];
  readonly published: Published[] = [];
  #tag = 0;

  /** What connects to it, as the option `connection` takes it. */
  readonly connection = (): AMQPBaseClient => {
    const client = new FakeClient(this);
    this.clients.push(client);
    return client;
  };

  answer<T>(method: string, value: T, name = ""): Promise<T> {
    this.asked.push(name === "" ? method : `${method} ${name}`);
    const refusal = this.refused.get(method);
    if (refusal !== undefined) return Promise.reject(new Error(refusal));
    return this.silent.has(method) ? new Promise(() => {}) : Promise.resolve(value);
  }

  /** Delivers to whoever reads, through the connection that was made last. */
  deliver(body: string, properties: AMQPProperties = {}, redelivered = false): AMQPMessage {
    const channel = this.consumingChannel();
    const [consumer] = channel?.consumers.values() ?? [];
    if (channel === undefined || consumer === undefined) throw new Error("Nobody reads");
    const message = new AMQPMessage(channel);
    message.deliveryTag = ++this.#tag;
    message.body = new TextEncoder().encode(body);
    message.properties = properties;
    message.redelivered = redelivered;
    consumer.onMessage(message);
    return message;
  }

  consumingChannel(): FakeChannel | undefined {
    return this.clients.at(-1)?.opened.findLast(({ closed, consumers }) =>
      !closed && consumers.size > 0
    );
  }

  /** Ends the connection that was made last. */
  disconnect(reason = "Socket closed"): void {
    const client = this.clients.at(-1);
    if (client === undefined) return;
    client.closed = true;
    for (const channel of client.opened) channel.end(new Error(reason));
    client.ondisconnect?.(new Error(reason));
  }
}

class FakeClient extends AMQPBaseClient {
  readonly server: FakeServer;
  readonly opened: FakeChannel[] = [];
  isSocketClosed = false;

  constructor(server: FakeServer) {
    super("/", "guest", "guest");
    this.server = server;
  }

  async connect(): Promise<AMQPBaseClient> {
    if (!this.server.isUp) throw new Error("connect ECONNREFUSED");
    await this.server.answer("connect", undefined);
    this.closed = false;
    return this;
  }

  override channel(): Promise<AMQPChannel> {
    const channel = new FakeChannel(this);
    this.opened.push(channel);
    return this.server.answer("channel", channel);
  }

  override close(): Promise<void> {
    this.closed = true;
    return this.server.answer("close", undefined);
  }

  send(): Promise<void> {
    return Promise.resolve();
  }

  protected closeSocket(): void {
    this.closed = true;
    this.isSocketClosed = true;
  }
}

class FakeChannel extends AMQPChannel {
  readonly #server: FakeServer;

  constructor(client: FakeClient) {
    super(client, client.opened.length + 1);
    this.#server = client.server;
  }

  end(error: Error): void {
    this.closed = true;
    for (const consumer of this.consumers.values()) consumer.setClosed(error);
    for (const each of this.#server.published) if (each.channel === this) each.refuse(error);
  }

  override close(): Promise<void> {
    this.closed = true; // and what is not confirmed stays so, as with the client
    return this.#server.answer("channel close", undefined);
  }

  override confirmSelect(): Promise<void> {
    return this.#server.answer("confirmSelect", undefined);
  }

  override prefetch(count: number): Promise<void> {
    return this.#server.answer("prefetch", undefined, String(count));
  }

  override exchangeDeclare(name: string): Promise<void> {
    return this.#server.answer("exchangeDeclare", undefined, name);
  }

  override queueDeclare(name: string) {
    return this.#server.answer("queueDeclare", { name, messageCount: 0, consumerCount: 0 }, name);
  }

  override queueBind(name: string): Promise<void> {
    return this.#server.answer("queueBind", undefined, name);
  }

  override async basicConsume(
    queue: string,
    _params: unknown,
    callback?: (message: AMQPMessage) => void,
  ): Promise<never> {
    await this.#server.answer("basicConsume", undefined, queue);
    const consumer = new AMQPConsumer(this, queue, callback ?? (() => {}));
    this.consumers.set(queue, consumer);
    return consumer as never;
  }

  override basicAck(tag: number): Promise<void> {
    return this.#server.answer("ack", undefined, String(tag));
  }

  override basicReject(tag: number, requeue?: boolean): Promise<void> {
    return this.#server.answer(requeue ? "requeue" : "reject", undefined, String(tag));
  }

  override basicPublish(
    exchange: string,
    routingKey: string,
    data: unknown,
    properties: AMQPProperties = {},
    mandatory = false,
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.published.push({
      channel: this,
      exchange,
      routingKey,
      body: data as Uint8Array,
      properties,
      mandatory,
      confirm: () => resolve(1),
      refuse: reject,
    });
    if (this.#server.confirms) resolve(1);
    return promise;
  }
}
