import assert from "node:assert/strict";
import {
  type Delivery,
  memoryBroker,
  memorySource,
  type Subscription,
} from "../../../src/broker/mod.ts";
import type { Envelope } from "../../../src/message/mod.ts";
import { placed } from "./wire.ts";

const message = (id: string, key?: string): Envelope => ({ ...placed, id, key });

async function take(subscription: Subscription, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  const iterator = subscription[Symbol.asyncIterator]();
  while (taken.length < count) {
    const { value, done } = await iterator.next();
    assert.equal(done, false);
    taken.push(value);
  }
  return taken;
}

const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ envelope }) => envelope.id);

/** Deliveries that are settled at once, up to a number of them. */
async function takeAndAck(subscription: Subscription, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let n = 0; n < count; n++) {
    const [delivery] = await take(subscription, 1);
    taken.push(delivery?.envelope.id ?? "");
    await delivery?.ack();
  }
  return taken;
}

Deno.test("memorySource() puts messages of one key into one partition, in order", async () => {
  const broker = memoryBroker();
  const keys = ["a", "b", "c", "d", "e", "f"];
  const messages = [1, 2, 3].flatMap((n) => keys.map((key) => message(`${key}${n}`, key)));
  await broker.publish(messages);
  const subscription = memorySource(broker).subscribe({ topics: ["orders"], maxUnsettled: 100 });
  const taken = await take(subscription, messages.length);
  for (const key of keys) {
    const own = taken.filter(({ envelope }) => envelope.key === key);
    assert.deepEqual(ids(own), [`${key}1`, `${key}2`, `${key}3`]);
    assert.equal(new Set(own.map(({ partition }) => partition)).size, 1);
  }
  assert.ok(new Set(taken.map(({ partition }) => partition)).size > 1);
  await subscription[Symbol.asyncDispose]();
});

Deno.test("memorySource() spreads messages without a key over as many partitions as it is told", async () => {
  const broker = memoryBroker();
  await broker.publish(["1", "2", "3", "4", "5", "6"].map((id) => message(id)));
  const source = memorySource(broker, { partitions: 3 });
  const taken = await take(source.subscribe({ topics: ["orders"] }), 3);
  assert.equal(new Set(taken.map(({ partition }) => partition)).size, 3);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() keeps topics apart", async () => {
  const broker = memoryBroker();
  await broker.publish([{ ...message("1", "k"), topic: "other" }, message("2", "k")]);
  const source = memorySource(broker, { partitions: 1 });
  const subscription = source.subscribe({ topics: ["orders", "other", "orders"] });
  const taken = await take(subscription, 2);
  assert.deepEqual(ids(taken).sort(), ["1", "2"]);
  assert.equal(new Set(taken.map(({ partition }) => partition)).size, 2);
  assert.deepEqual(taken.map(({ position }) => position).sort(), ["orders/0/0", "other/0/0"]);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() gives each partition to one of its subscriptions", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker, { partitions: 2 });
  const first = source.subscribe({ topics: ["orders"], maxUnsettled: 10 });
  const second = source.subscribe({ topics: ["orders"], maxUnsettled: 10 });
  await broker.publish(["1", "2", "3", "4"].map((id) => message(id)));
  const own = await take(first, 2);
  const others = await take(second, 2);
  assert.deepEqual([...ids(own), ...ids(others)].sort(), ["1", "2", "3", "4"]);
  assert.notEqual(own[0]?.partition, others[0]?.partition);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() gives what one that leaves has not settled to another, counted", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker, { partitions: 1 });
  const first = source.subscribe({ topics: ["orders"], maxUnsettled: 10 });
  await broker.publish([message("1"), message("2")]);
  const [one, two] = await take(first, 2);
  await one?.ack();
  const second = source.subscribe({ topics: ["orders"] });
  assert.equal(two?.signal.aborted, false);
  await first[Symbol.asyncDispose]();
  assert.equal(two?.signal.aborted, true);
  await two?.ack(); // too late
  const [again] = await take(second, 1);
  assert.equal(again?.envelope.id, "2");
  assert.equal(again?.deliveryCount, 2);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() gives each group all messages", async () => {
  const broker = memoryBroker();
  const groups = [memorySource(broker), memorySource(broker)];
  await broker.publish([message("1", "k"), message("2", "k")]);
  for (const source of groups) {
    assert.deepEqual(await takeAndAck(source.subscribe({ topics: ["orders"] }), 2), ["1", "2"]);
    await source[Symbol.asyncDispose]();
  }
});

Deno.test("memorySource() delivers no more of a partition than may be unsettled", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker, { partitions: 1 });
  const subscription = source.subscribe({ topics: ["orders"], maxUnsettled: 2 });
  await broker.publish(["1", "2", "3"].map((id) => message(id)));
  const [one] = await take(subscription, 2);
  const third = take(subscription, 1);
  assert.equal(await Promise.race([third.then(() => "delivered"), settled()]), "waiting");
  await one?.ack();
  assert.deepEqual(ids(await third), ["3"]);
  await source[Symbol.asyncDispose]();
});

/** Resolves when everything that is about to happen without waiting has happened. */
function settled(): Promise<string> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve("waiting");
    };
    port2.postMessage("");
  });
}

Deno.test("memorySource() brings what was rejected again, before what stands behind it", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker, { partitions: 1 });
  const subscription = source.subscribe({ topics: ["orders"], maxUnsettled: 2 });
  await broker.publish(["1", "2", "3"].map((id) => message(id)));
  const [one, two] = await take(subscription, 2);
  await one?.nack();
  assert.equal(two?.signal.aborted, true);
  assert.deepEqual(await takeAndAck(subscription, 3), ["1", "2", "3"]);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() leaves out what the broker has let go", async () => {
  const broker = memoryBroker({ maxMessagesPerTopic: 2 });
  const source = memorySource(broker, { partitions: 1 });
  const subscription = source.subscribe({ topics: ["orders"] });
  await broker.publish([message("1"), message("2"), message("3")]);
  assert.deepEqual(await takeAndAck(subscription, 1), ["2"]);
  // These push out the third, which was known to be there.
  await broker.publish([message("4"), message("5")]);
  assert.deepEqual(await takeAndAck(subscription, 2), ["4", "5"]);
  await source[Symbol.asyncDispose]();
});

Deno.test("memorySource() ends its subscriptions when it is disposed of, and those that wait", async () => {
  const broker = memoryBroker();
  const source = memorySource(broker);
  const subscription = source.subscribe({ topics: ["orders"] });
  const waiting = subscription[Symbol.asyncIterator]().next();
  await source[Symbol.asyncDispose]();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  await subscription[Symbol.asyncDispose]();
});

for (const partitions of [0, -1, 1.5, NaN, Infinity]) {
  Deno.test(`memorySource() refuses ${partitions} partitions`, () => {
    assert.throws(() => memorySource(memoryBroker(), { partitions }), {
      name: "RangeError",
      message:
        `Cannot create a source as "partitions" must be a positive whole number: ${partitions}`,
    });
  });
}

Deno.test("memorySource() refuses a subscription to nothing, and to a number that makes no sense", () => {
  const source = memorySource(memoryBroker());
  assert.throws(() => source.subscribe({ topics: [] }), TypeError);
  for (const maxUnsettled of [0, 1.5, NaN]) {
    assert.throws(() => source.subscribe({ topics: ["orders"], maxUnsettled }), RangeError);
  }
});
