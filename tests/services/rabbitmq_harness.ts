/**
 * What the tests of RabbitMQ share: topics of their own, and a harness for the cases of brokers.
 *
 * @module
 */

import { AMQPClient } from "@cloudamqp/amqp-client";
import { rabbitmqPublisher, rabbitmqSource, type Source } from "@sluice/cqrs/rabbitmq";
import type { BrokerHarness } from "@sluice/cqrs/testing";

/** Publishes bytes with no properties, or does something else by hand. */
export async function withRawChannel<T>(
  url: string,
  run: (channel: Awaited<ReturnType<AMQPClient["channel"]>>) => Promise<T>,
): Promise<T> {
  const client = new AMQPClient(url);
  await client.connect();
  client.socket?.setNoDelay(true);
  const closed = new Promise((resolve) => client.socket?.once("close", resolve));
  try {
    return await run(await client.channel());
  } finally {
    await client.close();
    await closed;
  }
}

/** Makes a harness whose topics nobody else uses. */
export function rabbitmqHarness(connection: string): BrokerHarness {
  const sources: Source[] = [];
  const publisher = rabbitmqPublisher({ connection });
  const createTopic = () => Promise.resolve(`topic.${crypto.randomUUID()}`);
  return {
    publisher,
    createTopic,
    async source(group, topics) {
      const source = rabbitmqSource({ connection, group });
      sources.push(source);
      // Its queues are there as soon as somebody has subscribed.
      const first = source.subscribe({ topics });
      await first.ready;
      await first[Symbol.asyncDispose]();
      return source;
    },
    publishRaw: (topic, body) =>
      withRawChannel(connection, async (channel) => {
        await channel.confirmSelect();
        await channel.basicPublish(topic, "raw", body);
      }),
    async refused() {
      const id = crypto.randomUUID();
      return {
        id,
        type: "noted",
        topic: await createTopic(), // nobody reads it
        source: "/cases",
        time: new Date(),
        correlationId: id,
        contentType: "text/plain",
        headers: {},
        body: new Uint8Array(1),
      };
    },
    async [Symbol.asyncDispose]() {
      for (const source of sources) await source[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}
