import { pythonCqrs } from "@sluice/cqrs/consumer";
import {
  rabbitmqSource,
  type RabbitmqSourceOptions,
  type Subscription,
} from "@sluice/cqrs/rabbitmq";
import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { textOf } from "../../../src/testing/broker_messages.ts";
import { FakeServer } from "./fake_server.ts";

Deno.test("a delivery is settled once, whatever comes first", async () => {
  const { server, reading, end } = await begin();
  for (const text of ["a", "b", "c"]) server.deliver(text, { messageId: text });
  const [a, b, c] = [await next(reading), await next(reading), await next(reading)];
  await b.nack({ requeue: false });
  await b.ack();
  await c.ack();
  await c.nack();
  await a.nack();
  await a.ack();
  assert.deepEqual(settled(server), ["reject 2", "ack 3", "requeue 1"]);
  await end();
});

Deno.test("nack() puts back what came later, in order, and what is on its way", async () => {
  const { server, reading, end } = await begin();
  for (const text of ["a", "b", "c", "d"]) server.deliver(text, { messageId: text });
  const [a, b, c] = [await next(reading), await next(reading), await next(reading)];
  await b.nack();
  assert.deepEqual(settled(server), ["requeue 2", "requeue 3", "requeue 4"]);
  assert.equal(a.signal.aborted, false);
  assert.equal(b.signal.aborted, false); // it was settled, not lost
  assert.equal(c.signal.aborted, true);
  await c.ack();
  server.deliver("e", { messageId: "e" });
  assert.equal(settled(server).at(-1), "requeue 5");
  server.deliver("b", { messageId: "b", headers: { "x-delivery-count": 1 } }, true);
  const again = await next(reading);
  assert.equal(textOf(again), "b");
  assert.equal(again.deliveryCount, 2);
  await end();
});

Deno.test("nack() puts back one alone where many read at once", async () => {
  const { server, reading, end } = await begin({ consumers: "competing" });
  for (const text of ["a", "b"]) server.deliver(text, { messageId: text });
  const [a, b] = [await next(reading), await next(reading)];
  await a.nack();
  assert.deepEqual(settled(server), ["requeue 1"]);
  assert.equal(b.signal.aborted, false);
  await end();
});

Deno.test("nack() replaces the channel where more are unsettled than RabbitMQ keeps in order", async () => {
  const { server, reading, errors, end } = await begin({}, 33);
  for (const text of ["a", "b"]) server.deliver(text, { messageId: text });
  const [a, b] = [await next(reading), await next(reading)];
  const before = server.consumingChannel();
  await a.nack();
  assert.equal(b.signal.aborted, true);
  assert.equal(before?.closed, true);
  await until(() => server.consumingChannel() !== undefined);
  server.deliver("a", { messageId: "a" }, true);
  assert.equal(textOf(await next(reading)), "a");
  const after = server.consumingChannel();
  await Promise.all([a.nack(), b.nack()]); // have gone back already
  assert.equal(after?.closed, false);
  assert.deepEqual(errors, []);
  assert.deepEqual(settled(server), []);
  await end();
});

Deno.test("a lost connection aborts what is unsettled, and reading goes on after a wait", async () => {
  const { server, clock, reading, errors, end } = await begin();
  server.deliver("a", { messageId: "a" });
  server.deliver("b", { messageId: "b" });
  const a = await next(reading);
  server.disconnect("gone");
  await clock.timersPending();
  assert.match(String(a.signal.reason), /gone/);
  await a.ack();
  assert.deepEqual(settled(server), []);
  await clock.advance(100);
  await until(() => server.consumingChannel() !== undefined);
  server.deliver("a", { messageId: "a" }, true);
  assert.equal(textOf(await next(reading)), "a"); // and not b, which was never given
  assert.deepEqual(errors.map(String), ["Error: gone"]);
  await end();
});

Deno.test("a consumer that the server cancels is made again", async () => {
  const { server, clock, reading, errors, end } = await begin();
  server.deliver("a", { messageId: "a" });
  const a = await next(reading);
  const channel = server.consumingChannel();
  for (const each of channel?.consumers.values() ?? []) each.setClosed(new Error("cancelled"));
  await clock.timersPending();
  assert.equal(a.signal.aborted, true);
  assert.equal(channel?.closed, true); // so that the server puts back what is unsettled
  assert.deepEqual(errors.map(String), ["Error: cancelled"]);
  await clock.advance(100);
  await until(() => server.consumingChannel() !== undefined);
  await end();
});

Deno.test("a queue that answers nobody is an error, and is tried again over a new connection", async () => {
  for (const method of ["queueDeclare", "basicConsume", "prefetch", "channel"]) {
    const { server, clock, errors, reading, end } = open({ answerTimeoutMs: 5_000 });
    server.silent.add(method);
    await until(() => server.asked.some((asked) => asked.startsWith(method)));
    await clock.timersPending();
    await clock.advance(5_000);
    assert.deepEqual(errors.map((error) => (error as Error).name), ["TimeoutError"], method);
    server.silent.clear();
    await clock.timersPending();
    await clock.advance(100);
    await reading.ready;
    assert.equal(server.clients.length, 2);
    await end();
  }
});

Deno.test("what the server will not think better of ends the iteration, and other refusals do not", async () => {
  const final = open();
  final.server.refused.set("queueDeclare", "channel 1 closed: PRECONDITION_FAILED (406)");
  await assert.rejects(final.reading.ready, /406/);
  await assert.rejects(next(final.reading), /406/);
  await final.end();
  const passing = open();
  passing.server.refused.set("basicConsume", "channel 1 closed: NOT_FOUND (404)");
  await passing.clock.timersPending();
  passing.server.refused.clear();
  await passing.clock.advance(100);
  await passing.reading.ready;
  await passing.end();
});

Deno.test("a message without an id is delivered with an error", async () => {
  const { server, reading, end } = await begin({ format: pythonCqrs() });
  const headers = { "event_name": "noted" };
  server.deliver("a", { headers });
  server.deliver("a", { headers, messageId: "m1" });
  const without = await next(reading);
  assert.match(String(without.error), /without an id/);
  assert.equal(textOf(without), "a");
  const withId = await next(reading);
  assert.equal(withId.error, undefined);
  assert.equal(withId.envelope.id, "m1");
  await end();
});

Deno.test("the end aborts what is unsettled, and does not wait for a server that does not answer", async () => {
  const { server, clock, reading } = await begin();
  server.deliver("a", { messageId: "a" });
  const a = await next(reading);
  server.silent.add("channel close");
  const ending = reading[Symbol.asyncDispose]();
  assert.equal(a.signal.aborted, true);
  await clock.timersPending();
  await clock.advance(15_000);
  await ending;
});

function open(options: Partial<RabbitmqSourceOptions> = {}, maxUnsettled = 10) {
  const server = new FakeServer();
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const source = rabbitmqSource({
    connection: server.connection,
    group: "g",
    clock,
    backoff: () => 100,
    onConnectionError: (error) => errors.push(error),
    ...options,
  });
  const reading = source.subscribe({ topics: ["t"], maxUnsettled });
  return { server, clock, errors, reading, end: () => source[Symbol.asyncDispose]() };
}

async function begin(options: Partial<RabbitmqSourceOptions> = {}, maxUnsettled = 10) {
  const opened = open(options, maxUnsettled);
  await opened.reading.ready;
  return opened;
}

async function next(reading: Subscription) {
  const { value, done } = await reading[Symbol.asyncIterator]().next();
  assert.ok(!done);
  return value;
}

/** What was said of deliveries. */
function settled({ asked }: FakeServer): string[] {
  return asked.filter((each) => /^(?:ack|reject|requeue) /.test(each));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Promise.resolve();
}
