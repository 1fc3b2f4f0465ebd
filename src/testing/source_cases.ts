import type { Subscription } from "../broker/mod.ts";
import type { BrokerHarness } from "./broker_harness.ts";
import { plainMessage, publishAll, take, takeAndAck, textOf } from "./broker_messages.ts";
import { type ConformanceCase, ConformanceError, expectSame } from "./conformance_case.ts";

type Case = ConformanceCase<BrokerHarness>;

const deliveryCases: readonly Case[] = [
  {
    name: "subscribe() delivers to a new group what is there, and then what comes",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open();
      expectSame("What was there", await takeAndAck(reading, 2), ["a", "b"]);
      await publish(harness, topic, ["c"]);
      expectSame("What came", await takeAndAck(reading, 1), ["c"]);
    },
  },
  {
    name: "subscribe() delivers no more of a partition than may be unsettled, and others meanwhile",
    run: async (harness) => {
      const [full, other] = [await harness.createTopic(), await harness.createTopic()];
      const source = await harness.source(newGroup(), [full, other]);
      await publish(harness, full, ["a", "b", "c"]);
      const reading = source.subscribe({ topics: [full, other], maxUnsettled: 2 });
      await reading.ready;
      const first = await take(reading, 2);
      expectSame("The first", first.map(textOf), ["a", "b"]);
      await publish(harness, other, ["other"]);
      const [next] = await take(reading, 1);
      expectSame("While the partition is full", next && textOf(next), "other");
      await first[0]?.ack();
      const [last] = await take(reading, 1);
      expectSame("Once there is room", last && textOf(last), "c");
    },
  },
  {
    name: "subscribe() gives every group all messages",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const sources = await Promise.all(
        [newGroup(), newGroup()].map((group) => harness.source(group, [topic])),
      );
      await publish(harness, topic, ["a", "b"]);
      for (const source of sources) {
        const reading = source.subscribe({ topics: [topic] });
        expectSame("What a group got", await takeAndAck(reading, 2), ["a", "b"]);
      }
    },
  },
  {
    name:
      "subscribe() divides the messages of a group, and gives those of one that leaves to others",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const group = newGroup();
      const texts = Array.from({ length: 60 }, (_, n) => String(n));
      const sources = [await harness.source(group, [topic]), await harness.source(group, [topic])];
      const messages = texts.map((text) => plainMessage(topic, text, `key ${text}`));
      await publishAll(harness.publisher, messages);
      const done = new Set<string>();
      const [leaving, staying] = sources.map((source) =>
        source.subscribe({ topics: [topic], maxUnsettled: 5 })
      );
      if (leaving === undefined || staying === undefined) throw new ConformanceError("No source");
      const all = ackUntil(staying, done, texts.length);
      // It may get nothing, as the other can be faster. What it has and does not settle is not lost.
      const iterator = leaving[Symbol.asyncIterator]();
      const kept = iterator.next();
      await leaving.ready;
      await leaving[Symbol.asyncDispose]();
      await kept;
      await all;
      expectSame("What was done", [...done].toSorted(), texts.toSorted());
    },
  },
  {
    name: "subscribe() gives a message that cannot be read, with its bytes and the reason",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await harness.publishRaw(topic, new Uint8Array([255, 0, 1]));
      await publish(harness, topic, ["a"]);
      const reading = await open({ maxUnsettled: 2 });
      const deliveries = await take(reading, 2);
      const raw = deliveries.find(({ error }) => error !== undefined);
      expectSame("The bytes", [...raw?.envelope.body ?? []], [255, 0, 1]);
      expectSame("The topic", raw?.envelope.topic, topic);
      const read = deliveries.find(({ error }) => error === undefined);
      expectSame("The other", read && textOf(read), "a");
      for (const delivery of deliveries) await delivery.ack();
    },
  },
  {
    name: "subscribe() refuses no topics, and a number that makes no sense",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const source = await harness.source(newGroup(), [topic]);
      expectSame("No topics", nameOfThrown(() => source.subscribe({ topics: [] })), "TypeError");
      for (const maxUnsettled of [0, -1, 1.5, NaN]) {
        const thrown = nameOfThrown(() => source.subscribe({ topics: [topic], maxUnsettled }));
        expectSame(`${maxUnsettled} unsettled`, thrown, "RangeError");
      }
    },
  },
];

const settlingCases: readonly Case[] = [
  {
    name: "ack() keeps a message from coming again; what is not settled comes again, in order",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b", "c"]);
      const reading = await open({ maxUnsettled: 3 });
      const deliveries = await take(reading, 3);
      await deliveries[0]?.ack();
      await reading[Symbol.asyncDispose]();
      const again = await open();
      expectSame("What came again", await takeAndAck(again, 2), ["b", "c"]);
    },
  },
  {
    name: "ack() may be called out of order",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b", "c"]);
      const reading = await open({ maxUnsettled: 3 });
      const [a, b, c] = await take(reading, 3);
      await c?.ack();
      await a?.ack();
      await b?.ack();
      await reading[Symbol.asyncDispose]();
      await publish(harness, topic, ["d"]);
      expectSame("What came next", await takeAndAck(await open(), 1), ["d"]);
    },
  },
  {
    name: "ack() before others leaves those to come again",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open({ maxUnsettled: 2 });
      const [, b] = await take(reading, 2);
      await b?.ack();
      await reading[Symbol.asyncDispose]();
      expectSame("What came again", await takeAndAck(await open(), 1), ["a"]);
    },
  },
  {
    name: "ack() and nack() a second time, or of what was lost, do nothing",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open({ maxUnsettled: 2 });
      const [a, b] = await take(reading, 2);
      await a?.ack();
      await a?.ack();
      await a?.nack();
      await reading[Symbol.asyncDispose]();
      expectSame("Whether it is lost", b?.signal.aborted, true);
      await b?.ack();
      await b?.nack();
      expectSame("What came again", await takeAndAck(await open(), 1), ["b"]);
    },
  },
  {
    name: "nack() brings a message again",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open();
      const [first] = await take(reading, 1);
      await first?.nack();
      const [second] = await take(reading, 1);
      expectSame("What came again", second && textOf(second), "a");
      const { deliveryCount } = second ?? {};
      if (deliveryCount !== undefined) expectSame("How often it came", deliveryCount, 2);
      await second?.ack();
      expectSame("What came then", await takeAndAck(reading, 1), ["b"]);
    },
  },
  {
    name: "nack() without requeue keeps a message from coming again",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open();
      const [first] = await take(reading, 1);
      await first?.nack({ requeue: false });
      expectSame("What came then", await takeAndAck(reading, 1), ["b"]);
    },
  },
];

const endCases: readonly Case[] = [
  {
    name: "the end of a subscription ends a wait for deliveries, and the iteration",
    run: async (harness) => {
      const { open } = await begin(harness);
      const reading = await open();
      const iterator = reading[Symbol.asyncIterator]();
      const next = iterator.next();
      await reading[Symbol.asyncDispose]();
      expectSame("The wait", (await next).done, true);
      expectSame("The iteration", (await iterator.next()).done, true);
      await reading[Symbol.asyncDispose]();
    },
  },
  {
    name: "the end of a source ends its subscriptions",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const source = await harness.source(newGroup(), [topic]);
      await publish(harness, topic, ["a"]);
      const reading = source.subscribe({ topics: [topic] });
      const [a] = await take(reading, 1);
      const next = reading[Symbol.asyncIterator]().next();
      await source[Symbol.asyncDispose]();
      expectSame("The wait", (await next).done, true);
      expectSame("Whether the delivery is lost", a?.signal.aborted, true);
    },
  },
  {
    name: "leaving a loop keeps the subscription",
    run: async (harness) => {
      const { topic, open } = await begin(harness);
      await publish(harness, topic, ["a", "b"]);
      const reading = await open();
      for (const wanted of ["a", "b"]) {
        for await (const delivery of reading) {
          expectSame("The delivery", textOf(delivery), wanted);
          await delivery.ack();
          break;
        }
      }
    },
  },
];

/** What every implementation of `Source` must do. What it reads is published through the same broker. */
export const sourceCases: ReadonlyArray<ConformanceCase<BrokerHarness>> = [
  ...deliveryCases,
  ...settlingCases,
  ...endCases,
];

function newGroup(): string {
  return `group-${crypto.randomUUID()}`;
}

/** A topic, and a group that reads it, one subscription after the other. */
async function begin(harness: BrokerHarness) {
  const topic = await harness.createTopic();
  const source = await harness.source(newGroup(), [topic]);
  return {
    topic,
    async open(options: { readonly maxUnsettled?: number } = {}): Promise<Subscription> {
      const subscription = source.subscribe({ topics: [topic], ...options });
      await subscription.ready;
      return subscription;
    },
  };
}

/** Publishes messages of one key. */
async function publish(harness: BrokerHarness, topic: string, texts: readonly string[]) {
  await publishAll(harness.publisher, texts.map((text) => plainMessage(topic, text, "key")));
}

async function ackUntil(subscription: Subscription, done: Set<string>, count: number) {
  for await (const delivery of subscription) {
    done.add(textOf(delivery));
    await delivery.ack();
    if (done.size === count) return;
  }
}

function nameOfThrown(run: () => unknown): string {
  try {
    run();
    return "nothing";
  } catch (error) {
    return (error as Error).name;
  }
}
