import { AMQPMessage } from "@cloudamqp/amqp-client";
import { rabbitmqPublisher, type RabbitmqPublisherOptions } from "@sluice/cqrs/rabbitmq";
import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { plainMessage } from "../../../src/testing/broker_messages.ts";
import { FakeServer } from "./fake_server.ts";

Deno.test("rabbitmqPublisher() refuses numbers that make no sense", () => {
  const connection = "amqp://localhost";
  for (const value of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => rabbitmqPublisher({ connection, maxUnconfirmed: value }), RangeError);
    assert.throws(() => rabbitmqPublisher({ connection, confirmTimeoutMs: value }), RangeError);
  }
});

Deno.test("publish() is confirmed message by message, in whichever order", async () => {
  const { server, publisher } = begin();
  server.confirms = false;
  const messages = ["a", "b", "c"].map((text) => plainMessage("t", text));
  const call = publisher.publish(messages);
  const [a, b, c] = await publishedOf(server, 3);
  c?.confirm();
  a?.refuse(new Error("Message rejected"));
  b?.confirm();
  assert.deepEqual((await call).map(({ ok }) => ok), [false, true, true]);
  assert.equal(a?.mandatory, true);
  assert.equal(a?.exchange, "t");
  assert.equal(a?.routingKey, "noted");
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() has each message that is returned as an error, and no other, though two have one id", async () => {
  for (const [returned, wanted] of [["a", "ftt"], ["aa", "fft"], ["b", "ttf"]] as const) {
    const { server, publisher } = begin();
    server.confirms = false;
    const [a, b] = [plainMessage("t", "a"), plainMessage("t", "b")];
    const call = publisher.publish([a, a, b]);
    const published = await publishedOf(server, 3);
    const channel = published[0]?.channel;
    assert.ok(channel);
    for (const text of returned) {
      channel.onReturn(Object.assign(new AMQPMessage(channel), {
        exchange: "t",
        properties: { messageId: text === "a" ? a.id : b.id },
        replyCode: 312,
        replyText: "NO_ROUTE",
      }));
    }
    for (const each of published) each.confirm();
    const results = await call;
    assert.equal(results.map(({ ok }) => ok ? "t" : "f").join(""), wanted);
    await publisher[Symbol.asyncDispose]();
  }
});

Deno.test("publish() sends no more than maxUnconfirmed, and the next when one is confirmed", async () => {
  const { server, publisher } = begin({ maxUnconfirmed: 2 });
  server.confirms = false;
  const call = publisher.publish(["a", "b", "c"].map((text) => plainMessage("t", text)));
  const [a, b] = await publishedOf(server, 2);
  assert.equal(server.published.length, 2);
  b?.confirm();
  const [, , c] = await publishedOf(server, 3);
  a?.confirm();
  c?.confirm();
  assert.deepEqual((await call).map(({ ok }) => ok), [true, true, true]);
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() gives up what is not confirmed in time, and has room for others then", async () => {
  const { server, publisher, clock } = begin({ maxUnconfirmed: 2, confirmTimeoutMs: 1_000 });
  await publisher.publish([plainMessage("t", "a")]);
  server.confirms = false;
  const call = publisher.publish(["b", "c", "d"].map((text) => plainMessage("t", text)));
  const [, b] = await publishedOf(server, 3);
  b?.confirm();
  await publishedOf(server, 4);
  await clock.advance(1_000);
  const results = await call;
  assert.deepEqual(results.map(({ ok }) => ok), [true, false, false]);
  assert.equal(causeOf(results[1]), "TimeoutError");
  server.confirms = true;
  const next = await publisher.publish(["e", "f"].map((text) => plainMessage("t", text)));
  assert.deepEqual(next, [{ ok: true }, { ok: true }]);
  assert.notEqual(server.published.at(-1)?.channel, b?.channel);
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() leaves a server alone that takes nothing for now", async () => {
  const { server, publisher, clock } = begin({ confirmTimeoutMs: 1_000 });
  server.confirms = false;
  const call = assert.rejects(publisher.publish([plainMessage("t", "a")]), {
    name: "TimeoutError",
  });
  const [a] = await publishedOf(server, 1);
  assert.ok(a);
  a.channel.connection.blocked = "low on memory";
  await clock.advance(1_000);
  await call;
  assert.equal(a.channel.closed, false);
  a.confirm();
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() rejects when the connection is lost, and connects anew for the next call", async () => {
  const { server, publisher } = begin();
  server.confirms = false;
  const call = publisher.publish([plainMessage("t", "a")]);
  await publishedOf(server, 1);
  server.disconnect("gone");
  const [result] = await call;
  assert.match(String(result?.ok === false && (result.error as Error).cause), /gone/);
  server.confirms = true;
  assert.deepEqual(await publisher.publish([plainMessage("t", "b")]), [{ ok: true }]);
  assert.equal(server.clients.length, 2);
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() refuses a header of RabbitMQ for that message alone", async () => {
  const { publisher } = begin();
  const refused = { ...plainMessage("t", "a"), headers: { CC: "other" } };
  const results = await publisher.publish([refused, plainMessage("t", "b")]);
  assert.deepEqual(results.map(({ ok }) => ok), [false, true]);
  assert.equal(causeOf(results[0]), "TypeError");
  await publisher[Symbol.asyncDispose]();
});

Deno.test("publish() rejects with the reason of a signal, and one after the end is refused", async () => {
  const { server, publisher } = begin();
  server.confirms = false;
  const controller = new AbortController();
  const call = publisher.publish([plainMessage("t", "a")], { signal: controller.signal });
  const [a] = await publishedOf(server, 1);
  controller.abort("enough");
  await assert.rejects(call, (reason) => reason === "enough");
  a?.confirm();
  await publisher[Symbol.asyncDispose]();
  await assert.rejects(publisher.publish([]), /disposed of/);
});

function begin(options: Omit<RabbitmqPublisherOptions, "connection"> = {}) {
  const server = new FakeServer();
  const clock = new ManualClock();
  const publisher = rabbitmqPublisher({ connection: server.connection, clock, ...options });
  return { server, clock, publisher };
}

/** Resolves when so many have reached the server. */
async function publishedOf(server: FakeServer, count: number) {
  while (server.published.length < count) await Promise.resolve();
  return server.published;
}

function causeOf(result: { ok: boolean; error?: unknown } | undefined): string {
  return ((result?.error as Error).cause as Error).name;
}
