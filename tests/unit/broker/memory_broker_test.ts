import assert from "node:assert/strict";
import { memoryBroker } from "../../../src/broker/mod.ts";
import {
  type Envelope,
  jsonCodec,
  notification,
  toEnvelope,
  type,
} from "../../../src/message/mod.ts";

const codec = jsonCodec();

async function envelope(topic: string, data: number): Promise<Envelope> {
  const Counted = notification("counted", { topic, data: type<number>() });
  return await toEnvelope(Counted(data), { codec, source: "/tests" });
}

async function bodies(messages: readonly Envelope[]): Promise<unknown[]> {
  return await Promise.all(messages.map(({ body }) => codec.decode(body)));
}

Deno.test("memoryBroker() confirms each message and keeps its topic's order", async () => {
  const broker = memoryBroker();
  const messages = [await envelope("a", 1), await envelope("b", 2), await envelope("a", 3)];
  assert.deepEqual(await broker.publish(messages), [{ ok: true }, { ok: true }, { ok: true }]);
  assert.deepEqual(broker.messages("a"), [messages[0], messages[2]]);
  assert.deepEqual(broker.messages("b"), [messages[1]]);
});

Deno.test("memoryBroker() keeps the order of publications that overlap", async () => {
  const broker = memoryBroker();
  const first = broker.publish([await envelope("a", 1), await envelope("a", 2)]);
  const second = broker.publish([await envelope("a", 3)]);
  await Promise.all([second, first]);
  assert.deepEqual(await bodies(broker.messages("a")), [1, 2, 3]);
});

Deno.test("memoryBroker() has no messages on a topic that nobody published to", () => {
  assert.deepEqual(memoryBroker().messages("a"), []);
});

Deno.test("memoryBroker() lists its topics in the order of their first message", async () => {
  const broker = memoryBroker();
  await broker.publish([await envelope("b", 1), await envelope("a", 2), await envelope("b", 3)]);
  assert.deepEqual(broker.topics(), ["b", "a"]);
});

Deno.test("memoryBroker() publishes nothing when there is nothing", async () => {
  const broker = memoryBroker();
  assert.deepEqual(await broker.publish([]), []);
  assert.deepEqual(broker.topics(), []);
});

Deno.test("memoryBroker() lets the oldest messages of a full topic go", async () => {
  const broker = memoryBroker({ maxMessagesPerTopic: 2 });
  for (const data of [1, 2, 3]) await broker.publish([await envelope("a", data)]);
  await broker.publish([await envelope("b", 4)]);
  assert.deepEqual(await bodies(broker.messages("a")), [2, 3]);
  assert.deepEqual(await bodies(broker.messages("b")), [4]);
});

Deno.test("memoryBroker() keeps all messages when it is told to", async () => {
  const broker = memoryBroker({ maxMessagesPerTopic: Infinity });
  const message = await envelope("a", 1);
  await broker.publish(Array.from({ length: 10_001 }, () => message));
  assert.equal(broker.messages("a").length, 10_001);
});

Deno.test("memoryBroker() gives a list that later messages do not change", async () => {
  const broker = memoryBroker();
  await broker.publish([await envelope("a", 1)]);
  const before = broker.messages("a");
  await broker.publish([await envelope("a", 2)]);
  assert.equal(before.length, 1);
});

Deno.test("memoryBroker() publishes nothing once its signal has aborted", async () => {
  const broker = memoryBroker();
  const reason = new Error("Gone");
  const publishing = broker.publish([await envelope("a", 1)], {
    signal: AbortSignal.abort(reason),
  });
  await assert.rejects(publishing, reason);
  assert.deepEqual(broker.messages("a"), []);
});

for (const maxMessagesPerTopic of [0, -1, NaN]) {
  Deno.test(`memoryBroker() refuses to keep ${maxMessagesPerTopic} messages`, () => {
    assert.throws(() => memoryBroker({ maxMessagesPerTopic }), {
      name: "RangeError",
      message: /"maxMessagesPerTopic" must be positive/,
    });
  });
}
