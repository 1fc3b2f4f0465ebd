import { type Envelope, PublishError } from "@sluice/cqrs";
import assert from "node:assert/strict";
import { cloudEvents } from "../../../src/broker/cloud_events.ts";
import type { OutgoingRecord } from "../../../src/kafka/kafka_record.ts";
import { recordPublisher } from "../../../src/kafka/record_publisher.ts";
import { plainMessage } from "../../../src/testing/broker_messages.ts";

const format = cloudEvents({ prefix: "ce_" });

/** A publisher whose requests are answered by `answer`, and the bodies of the requests. */
function publisherOf(
  answer: (bodies: readonly string[], topic: string) => Promise<void> | void,
  maxRequestBytes = 10_000,
) {
  const requests: string[][] = [];
  const publisher = recordPublisher({
    async send(topic, records: readonly OutgoingRecord[]) {
      const bodies = records.map(({ value }) => new TextDecoder().decode(value));
      requests.push(bodies);
      await answer(bodies, topic);
    },
    close: () => Promise.resolve(),
  }, { format, maxRequestBytes });
  return { publisher, requests };
}

const refusal = (message: string) => Object.assign(new Error(message), { type: "INVALID_RECORD" });
const messagesOf = (texts: string, key?: string): Envelope[] =>
  [...texts].map((text) => plainMessage("topic", text, key));

Deno.test("recordPublisher() sends one request for each topic", async () => {
  const { publisher, requests } = publisherOf(() => {});
  const results = await publisher.publish([
    plainMessage("one", "a"),
    plainMessage("two", "b"),
    plainMessage("one", "c"),
  ]);
  assert.deepEqual(requests, [["a", "c"], ["b"]]);
  assert.deepEqual(results, [{ ok: true }, { ok: true }, { ok: true }]);
});

Deno.test("recordPublisher() divides what is larger than a request", async () => {
  const large = "x".repeat(3_000);
  const { publisher, requests } = publisherOf(() => {}, 7_000);
  await publisher.publish(Array.from({ length: 5 }, () => plainMessage("topic", large)));
  assert.deepEqual(requests.map(({ length }) => length), [2, 2, 1]);
});

Deno.test("recordPublisher() finds the message that a broker refuses", async () => {
  const { publisher, requests } = publisherOf((bodies) => {
    if (bodies.includes("b")) throw refusal("No b");
  });
  const results = await publisher.publish(messagesOf("abc"));
  assert.deepEqual(results.map(({ ok }) => ok), [true, false, true]);
  assert.deepEqual(requests, [["a", "b", "c"], ["a"], ["b"], ["c"]]);
  const [, refused] = results;
  assert.ok(refused?.ok === false && refused.error instanceof PublishError);
  assert.match(String(refused.error.cause), /No b/);
});

Deno.test("recordPublisher() keeps back what stands behind a refused message of its key", async () => {
  const { publisher, requests } = publisherOf((bodies) => {
    if (bodies.includes("b")) throw refusal("No b");
  });
  const results = await publisher.publish([
    ...messagesOf("abc", "key"),
    ...messagesOf("d", "other"),
  ]);
  assert.deepEqual(results.map(({ ok }) => ok), [true, false, false, true]);
  assert.deepEqual(requests.slice(1), [["a"], ["b"], ["d"]]);
});

Deno.test("recordPublisher() rejects if nothing is known of any message", async () => {
  const lost = new Error("Connection lost");
  const { publisher } = publisherOf(() => Promise.reject(lost));
  await assert.rejects(publisher.publish(messagesOf("ab")), lost);
});

Deno.test("recordPublisher() tells what was confirmed before the connection broke", async () => {
  const { publisher } = publisherOf((_, topic) => {
    if (topic === "two") throw new Error("Connection lost");
  });
  const results = await publisher.publish([plainMessage("one", "a"), plainMessage("two", "b")]);
  assert.deepEqual(results.map(({ ok }) => ok), [true, false]);
});

Deno.test("recordPublisher() sends calls one after the other", async () => {
  const first = Promise.withResolvers<void>();
  const { publisher, requests } = publisherOf((bodies) =>
    bodies[0] === "a" ? first.promise : undefined
  );
  const calls = [publisher.publish(messagesOf("a")), publisher.publish(messagesOf("b"))];
  await settled();
  assert.deepEqual(requests, [["a"]]);
  first.resolve();
  await Promise.all(calls);
  assert.deepEqual(requests, [["a"], ["b"]]);
});

Deno.test("recordPublisher() goes on after a call that failed", async () => {
  const { publisher } = publisherOf((bodies) => {
    if (bodies[0] === "a") throw new Error("Connection lost");
  });
  await assert.rejects(publisher.publish(messagesOf("a")));
  assert.deepEqual(await publisher.publish(messagesOf("b")), [{ ok: true }]);
});

Deno.test("recordPublisher() stops waiting when the signal aborts", async () => {
  const end = new AbortController();
  const reason = new Error("Enough");
  const { publisher } = publisherOf(() => new Promise(() => {}));
  const call = publisher.publish(messagesOf("a"), { signal: end.signal });
  end.abort(reason);
  await assert.rejects(call, reason);
});

Deno.test("recordPublisher() gives a message that its format cannot write an error of its own", async () => {
  const { publisher, requests } = publisherOf(() => {});
  const broken = { ...plainMessage("topic", "a"), headers: { "ce_id": "mine" } };
  const results = await publisher.publish([broken, ...messagesOf("b")]);
  assert.deepEqual(results.map(({ ok }) => ok), [false, true]);
  assert.deepEqual(requests, [["b"]]);
});

/** Lets promises that are settled be heard. */
async function settled(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}
