import {
  type Publisher,
  rabbitmqPublisher,
  rabbitmqSource,
  type Subscription,
} from "@sluice/cqrs/rabbitmq";
import { pythonCqrs } from "@sluice/cqrs/consumer";
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
 * Makes the server write down which log belongs to which queue, as it does by itself after some time without
 * new queues. Killed before, RabbitMQ 3.10 comes back with queues that have no leader and answer nobody.
 */
const untilQueuesAreKept = () => server?.control("eval", "[dets:sync(T) || T <- dets:all()].");

if (server !== undefined) {
  const { url: connection } = server;
  Deno.test.afterAll(() => server.stop());

  for (const outageMs of [0, 60_000]) {
    Deno.test(`a server that is killed and comes back after ${outageMs} ms loses nothing confirmed and repeats nothing acknowledged long ago`, async () => {
      const topic = newTopic();
      await using publisher = rabbitmqPublisher({ connection, backoff: soon });
      await using source = rabbitmqSource({ connection, group: "restart", backoff: soon });
      const reading = source.subscribe({ topics: [topic], maxUnsettled: 20 });
      await reading.ready;
      await publishAll(publisher, [plainMessage(topic, "settled long ago")]);
      assert.deepEqual(await takeAndAck(reading, 1), ["settled long ago"]);
      await untilQueuesAreKept();

      const crashing = Promise.withResolvers<void>();
      const publishing = publishBatches(publisher, topic, () => crashing.resolve());
      const consuming = readUntil(reading, 60);
      await crashing.promise; // while a call is under way
      await server.kill();
      // An outage takes the time that it takes: there is no clock to move on in another process.
      await new Promise((resolve) => setTimeout(resolve, outageMs));
      await server.start();
      const confirmed = await publishing;
      const { seen, unsettled } = await consuming;
      assert.equal(unsettled.signal.aborted, true);
      assert.deepEqual([...seen].toSorted(), [...confirmed].toSorted());
    });
  }

  Deno.test("publish() during an outage rejects or tells of each message, and never hangs", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection, backoff: soon });
    await using source = rabbitmqSource({ connection, group: "outage", backoff: soon });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 1 });
    await reading.ready;
    await publishAll(publisher, [plainMessage(topic, "before")]);
    await untilQueuesAreKept();
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

  for (const maxUnsettled of [3, 32, 200]) {
    Deno.test(`nack() of the first of ${maxUnsettled} brings it again before all that were behind it`, async () => {
      const topic = newTopic();
      await using publisher = rabbitmqPublisher({ connection });
      await using source = rabbitmqSource({ connection, group: "order" });
      const reading = source.subscribe({ topics: [topic], maxUnsettled });
      await reading.ready;
      const texts = Array.from({ length: maxUnsettled + 30 }, (_, n) => `${n}`);
      await publishAll(publisher, texts.map((text) => plainMessage(topic, text, "key")));
      const [settled, first, ...later] = await take(reading, maxUnsettled);
      await settled?.ack(); // makes room for one that is on its way when the next goes back
      await first?.nack();
      assert.deepEqual(later.map(({ signal }) => signal.aborted), later.map(() => true));
      const [again] = await take(reading, 1);
      assert.equal(again && textOf(again), "1");
      await again?.nack();
      assert.deepEqual(await takeAndAck(reading, texts.length - 1), texts.slice(1));
    });
  }

  Deno.test("a queue that is deleted is made again, and read", async () => {
    const topic = newTopic();
    const lost = Promise.withResolvers<unknown>();
    await using publisher = rabbitmqPublisher({ connection });
    await using source = rabbitmqSource({
      connection,
      group: "deleted",
      backoff: soon,
      onConnectionError: lost.resolve,
    });
    const reading = source.subscribe({ topics: [topic] });
    await reading.ready;
    await withRawChannel(connection, (channel) => channel.queueDelete(`deleted:${topic}`));
    assert.match(String(await lost.promise), /cancelled by the server/);
    const taken = takeAndAck(reading, 1);
    // Until the queue is there again, the message reaches none.
    while (!(await publisher.publish([plainMessage(topic, "a")])).every(({ ok }) => ok));
    assert.deepEqual(await taken, ["a"]);
  });

  Deno.test("a queue that answers nobody is an error on both sides, and is used again once it answers", async () => {
    const topic = newTopic();
    const late = Promise.withResolvers<unknown>();
    await using publisher = rabbitmqPublisher({ connection, confirmTimeoutMs: 1_000 });
    await using source = rabbitmqSource({
      connection,
      group: "stuck",
      backoff: soon,
      answerTimeoutMs: 1_000,
      onConnectionError: late.resolve,
    });
    const first = source.subscribe({ topics: [topic] });
    await first.ready;
    await first[Symbol.asyncDispose]();
    const queue = `whereis('%2F_stuck:${topic}')`;
    await server.control("eval", `sys:suspend(${queue}).`);
    const reading = source.subscribe({ topics: [topic] });
    assert.equal((await late.promise as Error).name, "TimeoutError");
    await assert.rejects(publisher.publish([plainMessage(topic, "late")]), {
      name: "TimeoutError",
    });
    await server.control("eval", `sys:resume(${queue}).`);
    await reading.ready;
    while (!(await publisher.publish([plainMessage(topic, "a")]).catch(() => []))[0]?.ok);
    const seen: string[] = [];
    while (seen.at(-1) !== "a") seen.push(...await takeAndAck(reading, 1));
    await reading[Symbol.asyncDispose]();
  });

  Deno.test("publish() loses nothing of what it confirms while the server blocks publishers", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection, confirmTimeoutMs: 1_000 });
    await using source = rabbitmqSource({ connection, group: "blocked" });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 10 });
    await reading.ready;
    await publishAll(publisher, [plainMessage(topic, "before")]);
    await server.control("set_vm_memory_high_watermark", "0.000001");
    const confirmed = ["before"];
    const publish = async (text: string) => {
      const results = await publisher.publish([plainMessage(topic, text)]).catch(() => []);
      if (results[0]?.ok) confirmed.push(text);
      return results[0];
    };
    await publish("blocks"); // the server blocks whoever publishes
    const refused = await publish("is refused");
    assert.match(String(refused?.ok === false && (refused.error as Error).cause), /blocked/);
    assert.deepEqual(await takeAndAck(reading, 1), ["before"]); // who reads is not blocked
    await server.control("set_vm_memory_high_watermark", "absolute", "512MB");
    while (!(await publish("after"))?.ok);
    const seen = ["before"];
    while (seen.at(-1) !== "after") seen.push(...await takeAndAck(reading, 1));
    assert.deepEqual(confirmed.filter((text) => !seen.includes(text)), []);
  });

  Deno.test("a message without an id is delivered as one to be given up, and goes on without holding up others", async () => {
    const topic = newTopic();
    await using publisher = rabbitmqPublisher({ connection });
    await using source = rabbitmqSource({ connection, group: "ids", format: pythonCqrs() });
    const reading = source.subscribe({ topics: [topic], maxUnsettled: 3 });
    await reading.ready;
    await publishAll(publisher, [plainMessage(topic, "{}")]);
    await withRawChannel(connection, async (channel) => {
      await channel.confirmSelect();
      const headers = { "event_name": "noted" };
      await channel.basicPublish(topic, "noted", "a", { headers });
      await channel.basicPublish(topic, "noted", "a", { headers, messageId: "m1" });
    });
    const [, without, withId] = await take(reading, 3);
    assert.match(String(without?.error), /without an id/);
    assert.equal(withId?.error, undefined);
    assert.equal(withId?.envelope.id, "m1");
  });

  Deno.test("a key stays with a message in a format that has no place for it", async () => {
    const topic = newTopic();
    const format = pythonCqrs();
    await using publisher = rabbitmqPublisher({ connection, format });
    await using source = rabbitmqSource({ connection, group: "keys", format });
    const reading = source.subscribe({ topics: [topic] });
    await reading.ready;
    const message = { ...plainMessage(topic, "a", "größe 🗝"), headers: { "x-tenant": "t" } };
    await publishAll(publisher, [message]);
    const [delivery] = await take(reading, 1);
    assert.equal(delivery?.envelope.key, message.key);
    assert.deepEqual(delivery?.envelope.headers, { "x-tenant": "t" });
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

/** Publishes 60 messages in calls of 10, each until it is confirmed, and says when the third is under way. */
async function publishBatches(publisher: Publisher, topic: string, onHalfway: () => void) {
  const confirmed = new Set<string>();
  for (let n = 0; n < 60;) {
    const texts = Array.from({ length: 10 }, (_, m) => `${n + m}`);
    const call = publisher.publish(texts.map((text) => plainMessage(topic, text, "key")));
    if (n === 20) onHalfway();
    // An outage is over when a call gets through; a message without a confirmation is published again.
    const results = await call.catch(() => undefined);
    if (!results?.every(({ ok }) => ok)) continue;
    for (const text of texts) confirmed.add(text);
    n += 10;
  }
  return confirmed;
}

/** Acknowledges all but the first, which stays unsettled, until so many have been seen. */
async function readUntil(reading: Subscription, count: number) {
  const seen = new Set<string>();
  const [unsettled] = await take(reading, 1);
  assert.ok(unsettled !== undefined);
  while (seen.size < count) {
    for (const delivery of await take(reading, 1)) {
      assert.notEqual(textOf(delivery), "settled long ago");
      seen.add(textOf(delivery));
      await delivery.ack();
    }
  }
  return { seen, unsettled };
}
