import {
  type Delivery,
  rabbitmqPublisher,
  rabbitmqSource,
  type Subscription,
} from "@sluice/cqrs/rabbitmq";
import assert from "node:assert/strict";
import {
  plainMessage,
  publishAll,
  take,
  takeAndAck,
  textOf,
} from "../../src/testing/broker_messages.ts";
import { tryStartRabbitmq } from "../services/rabbitmq.ts";
import { withRawChannel } from "../services/rabbitmq_harness.ts";

const server = await tryStartRabbitmq({ isOwn: true });

const newTopic = () => `topic.${crypto.randomUUID()}`;
const soon = () => 50;

/**
 * Lets time pass: a quorum queue that was made just before RabbitMQ 3.10 was killed was seen to answer
 * nobody when the server was back, and one that was a second or two old was not.
 */
const untilQueuesAreKept = () => server?.control("list_queues");

if (server !== undefined) {
  const { url: connection } = server;
  Deno.test.afterAll(() => server.stop());

  Deno.test("a server that is killed and comes back loses nothing confirmed and repeats nothing acknowledged long ago", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection, backoff: soon });
    await using source = rabbitmqSource({ connection, group: "restart", backoff: soon });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 20 });
    await reading.ready;
    await untilQueuesAreKept();
    await publishAll(publisher, [plainMessage(topic, "settled long ago")]);
    assert.deepEqual(await takeAndAck(reading, 1), ["settled long ago"]);

    const confirmed = new Set<string>();
    const halfway = Promise.withResolvers<void>();
    const killed = Promise.withResolvers<void>();
    const publishing = (async () => {
      for (let n = 0; n < 60;) {
        const texts = Array.from({ length: 10 }, (_, m) => `${n + m}`);
        const messages = texts.map((text) => plainMessage(topic, text, "key"));
        // An outage is over when a call gets through; a message without a confirmation is published again.
        const results = await publisher.publish(messages).catch(() => undefined);
        if (!results?.every(({ ok }) => ok)) continue;
        for (const text of texts) confirmed.add(text);
        n += 10;
        if (n === 20) halfway.resolve();
        if (n === 20) await killed.promise;
      }
    })();
    const seen = new Set<string>();
    const lost: Delivery[] = [];
    const hasUnsettled = Promise.withResolvers<void>();
    const consuming = (async () => {
      const iterator = reading[Symbol.asyncIterator]();
      while (seen.size < 60) {
        const { value } = await iterator.next();
        assert.notEqual(textOf(value), "settled long ago");
        if (lost.length === 0) {
          lost.push(value); // is unsettled when the server dies
          hasUnsettled.resolve();
          continue;
        }
        seen.add(textOf(value));
        await value.ack();
      }
    })();
    await Promise.all([halfway.promise, hasUnsettled.promise]);
    await server.kill();
    killed.resolve();
    await server.start();
    await publishing;
    await consuming;
    assert.equal(lost[0]?.signal.aborted, true);
    assert.deepEqual([...seen].toSorted(), [...confirmed].toSorted());
  });

  Deno.test("publish() during an outage rejects or tells of each message, and never hangs", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection, backoff: soon });
    await using source = rabbitmqSource({ connection, group: "outage", backoff: soon });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 1 });
    await reading.ready;
    await untilQueuesAreKept();
    await publishAll(publisher, [plainMessage(topic, "before")]);
    const messages = Array.from({ length: 2_000 }, (_, n) => plainMessage(topic, `${n}`));
    const call = publisher.publish(messages).catch(() => []);
    await server.kill();
    const results = await call;
    assert.ok(results.some(({ ok }) => !ok) || results.length === 0);
    await assert.rejects(publisher.publish([plainMessage(topic, "meanwhile")]));
    await server.start();
    await publishAll(publisher, [plainMessage(topic, "after")]);
    const iterator = reading[Symbol.asyncIterator]();
    const seen: string[] = [];
    while (seen.at(-1) !== "after") {
      const { value } = await iterator.next();
      seen.push(textOf(value));
      await value.ack();
    }
    const confirmed = results.flatMap(({ ok }, n) => ok ? [`${n}`] : []);
    assert.deepEqual(confirmed.filter((text) => !seen.includes(text)), []);
  });

  Deno.test("a connection that the server closes is made again, on both sides", async () => {
    const topic = newTopic();
    const errors: unknown[] = [];
    const options = {
      connection,
      backoff: soon,
      onConnectionError: (error: unknown) => errors.push(error),
    };
    await using publisher = rabbitmqPublisher(options);
    await using source = rabbitmqSource({ ...options, group: "closed" });
    const reading = source.subscribe({ topics: [topic] });
    await reading.ready;
    await publishAll(publisher, [plainMessage(topic, "a")]);
    const [first] = await take(reading, 1);
    await server.control("close_all_connections", "maintenance");
    const [again] = await take(reading, 1);
    assert.equal(again && textOf(again), "a");
    assert.equal(again?.deliveryCount, 2);
    assert.equal(first?.signal.aborted, true);
    await first?.ack();
    await again?.ack();
    await publishAll(publisher, [plainMessage(topic, "b")]);
    assert.deepEqual(await takeAndAck(reading, 1), ["b"]);
    assert.ok(errors.some((error) => String(error).includes("maintenance")), String(errors));
  });

  Deno.test("publish() tells that a message cannot be routed, and takes it with mandatory: false", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection });
    const [result] = await publisher.publish([plainMessage(topic, "a")]);
    assert.match(String(result?.ok === false && (result.error as Error).cause), /NO_ROUTE/);
    await using careless = rabbitmqPublisher({ connection, mandatory: false });
    assert.deepEqual(await careless.publish([plainMessage(topic, "a")]), [{ ok: true }]);
  });

  Deno.test("publish() tells of topics whose exchange is of another kind or missing, and publishes the others", async () => {
    const [other, missing, good] = [newTopic(), newTopic(), newTopic()];
    await withRawChannel(connection, async (channel) => {
      await channel.exchangeDeclare(other, "fanout");
      await channel.exchangeDeclare(good, "topic");
      await channel.queueDeclare(good, { durable: true });
      await channel.queueBind(good, good, "#");
    });
    await using publisher = rabbitmqPublisher({ connection });
    const results = await publisher.publish([plainMessage(other, "a"), plainMessage(good, "b")]);
    assert.deepEqual(results.map(({ ok }) => ok), [false, true]);
    await using guest = rabbitmqPublisher({ connection, declares: false });
    const more = await guest.publish([plainMessage(missing, "a"), plainMessage(good, "b")]);
    assert.deepEqual(more.map(({ ok }) => ok), [false, true]);
  });

  Deno.test("publish() tells of a message with more headers than a frame holds, and publishes the others", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection });
    await using source = rabbitmqSource({ connection, group: "frames" });
    const reading = source.subscribe({ topics: [topic] });
    await reading.ready;
    const large = { ...plainMessage(topic, "large"), headers: { large: "x".repeat(9_000) } };
    const results = await publisher.publish([large, plainMessage(topic, "b")]);
    assert.deepEqual(results.map(({ ok }) => ok), [false, true]);
    assert.deepEqual(await takeAndAck(reading, 1), ["b"]);
  });

  Deno.test("a slow reader gets no more than maxUnsettled, however much there is", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection });
    await using source = rabbitmqSource({ connection, group: "slow" });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 7 });
    await reading.ready;
    await publishAll(publisher, Array.from({ length: 500 }, (_, n) => plainMessage(topic, `${n}`)));
    await take(reading, 1);
    const { messageCount } = await withRawChannel(
      connection,
      (channel) => channel.queueDeclare(`slow:${topic}`, { passive: true }),
    );
    assert.equal(messageCount, 500 - 7); // are still at the server
  });

  Deno.test("nack() without requeue puts a message into the queue of dead letters", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection });
    await using source = rabbitmqSource({ connection, group: "dead" });
    const reading: Subscription = source.subscribe({ topics: [topic] });
    await reading.ready;
    await publishAll(publisher, [plainMessage(topic, "poison")]);
    const [delivery] = await take(reading, 1);
    await delivery?.nack({ requeue: false });
    const body = await withRawChannel(connection, async (channel) => {
      for (;;) {
        const message = await channel.basicGet(`dead:${topic}:dead`);
        if (message !== null) return message.bodyToString();
      }
    });
    assert.equal(body, "poison");
  });

  Deno.test("subscribe() throws what the server will not think better of", async () => {
    const topic = newTopic();
    await using source = rabbitmqSource({ connection, group: "final" });
    await using first = source.subscribe({ topics: [topic] });
    await first.ready;
    await using changed = rabbitmqSource({ connection, group: "final", consumers: "competing" });
    const reading = changed.subscribe({ topics: [topic] });
    await assert.rejects(reading.ready, /PRECONDITION_FAILED/);
    await assert.rejects(take(reading, 1), /PRECONDITION_FAILED/);
    const stranger = new URL(connection);
    stranger.password = "wrong";
    await using unknown = rabbitmqSource({ connection: stranger.href, group: "final" });
    await assert.rejects(unknown.subscribe({ topics: [topic] }).ready, /ACCESS_REFUSED/);
  });
}
