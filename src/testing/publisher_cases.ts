import type { Subscription } from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";
import type { BrokerHarness } from "./broker_harness.ts";
import { fullMessage, plainMessage, publishAll, take, takeAndAck } from "./broker_messages.ts";
import { type ConformanceCase, ConformanceError, expectSame } from "./conformance_case.ts";

/**
 * What every implementation of `Publisher` must do. What was published is read through the source of the
 * same broker.
 */
export const publisherCases: ReadonlyArray<ConformanceCase<BrokerHarness>> = [
  {
    name: "publish() gives a message as it is to whoever reads the topic",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const reading = await read(harness, topic, "all");
      const messages = [fullMessage(topic), plainMessage(topic, "plain"), plainMessage(topic, "")];
      for (const message of messages) {
        await publishAll(harness.publisher, [message]);
        const [delivery] = await take(reading, 1);
        if (delivery === undefined) throw new ConformanceError("There was no delivery");
        if (delivery.error !== undefined) throw delivery.error;
        expectSame("The message", comparable(delivery.envelope), comparable(message));
        await delivery.ack();
      }
    },
  },
  {
    name: "publish() keeps the order of messages of a key, within a call and from call to call",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const reading = await read(harness, topic, "order");
      const wanted = Array.from({ length: 40 }, (_, n) => String(n));
      const messages = wanted.map((text) => plainMessage(topic, text, "key"));
      for (let n = 0; n < 40; n += 10) {
        await publishAll(harness.publisher, messages.slice(n, n + 10));
      }
      expectSame("The order", await takeAndAck(reading, 40), wanted);
    },
  },
  {
    name: "publish() spreads messages over topics, and answers for each in its place",
    run: async (harness) => {
      const [one, two] = [await harness.createTopic(), await harness.createTopic()];
      const readingOne = await read(harness, one, "topics");
      const readingTwo = await read(harness, two, "topics");
      await publishAll(harness.publisher, [
        plainMessage(one, "a", "key"),
        plainMessage(two, "b", "key"),
        plainMessage(one, "c", "key"),
      ]);
      expectSame("The first topic", await takeAndAck(readingOne, 2), ["a", "c"]);
      expectSame("The second topic", await takeAndAck(readingTwo, 1), ["b"]);
    },
  },
  {
    name: "publish() of nothing resolves to nothing",
    run: async ({ publisher }) => {
      expectSame("The results", await publisher.publish([]), []);
    },
  },
  {
    name: "publish() may be called while another call is under way",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const reading = await read(harness, topic, "concurrent");
      const calls = Array.from({ length: 10 }, (_, n) =>
        publishAll(
          harness.publisher,
          [0, 1, 2].map((m) => plainMessage(topic, `${n}/${m}`, `key ${n}`)),
        ));
      await Promise.all(calls);
      const texts = await takeAndAck(reading, 30);
      for (let n = 0; n < 10; n++) {
        const ofCall = texts.filter((text) => text.startsWith(`${n}/`));
        expectSame(`The messages of call ${n}`, ofCall, [`${n}/0`, `${n}/1`, `${n}/2`]);
      }
    },
  },
  {
    name: "publish() rejects with the reason of a signal that has aborted, and publishes nothing",
    run: async (harness) => {
      const topic = await harness.createTopic();
      const reading = await read(harness, topic, "aborted");
      const signal = AbortSignal.abort(new Error("No more"));
      const outcome = await harness.publisher.publish([plainMessage(topic, "aborted")], { signal })
        .then(() => "it resolved", (error: Error) => error.message);
      expectSame("The outcome", outcome, "No more");
      await publishAll(harness.publisher, [plainMessage(topic, "after")]);
      expectSame("What was published", await takeAndAck(reading, 1), ["after"]);
    },
  },
  {
    name: "publish() tells which message the broker has refused, and publishes the others",
    needs: "refusal",
    run: async (harness) => {
      const refused = await harness.refused?.();
      if (refused === undefined) throw new ConformanceError("The harness has no such message");
      const topic = await harness.createTopic();
      const reading = await read(harness, topic, "refused");
      const results = await harness.publisher.publish([
        plainMessage(topic, "a", "one"),
        refused,
        plainMessage(topic, "b", "two"),
      ]);
      expectSame("The results", results.map(({ ok }) => ok), [true, false, true]);
      expectSame("The others", (await takeAndAck(reading, 2)).toSorted(), ["a", "b"]);
    },
  },
];

/** Opens a topic for a group of its own, before anything is published. */
async function read(harness: BrokerHarness, topic: string, group: string): Promise<Subscription> {
  const source = await harness.source(`${group}-${crypto.randomUUID()}`, [topic]);
  const subscription = source.subscribe({ topics: [topic] });
  await subscription.ready;
  return subscription;
}

/** Everything of a message, as texts. */
function comparable({ body, time, ...rest }: Envelope) {
  return { ...rest, time: time.toISOString(), body: [...body] };
}
