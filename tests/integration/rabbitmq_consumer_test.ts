import { bootstrap, handlers, notification, type } from "@sluice/cqrs";
import { eventConsumer } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { rabbitmqPublisher, rabbitmqSource } from "@sluice/cqrs/rabbitmq";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { tryStartRabbitmq } from "../services/rabbitmq.ts";
import { withRawChannel } from "../services/rabbitmq_harness.ts";

const server = await tryStartRabbitmq();

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

if (server !== undefined) {
  const { url: connection } = server;
  Deno.test.afterAll(() => server.stop());

  Deno.test("what an outbox holds is handled once each, through a relay, RabbitMQ and a consumer", async () => {
    await using service = await begin(connection);
    const { Ordered, outbox, publisher, consumer, handled } = service;
    const orders = Array.from({ length: 50 }, (_, n) =>
      Ordered(
        { customer: `c${n % 5}`, number: n },
        { id: `m${n}`, correlationId: `conversation ${n}`, traceparent },
      ));
    await outbox.outbox.store([...orders, ...orders.slice(0, 10)]); // what a producer says twice
    const relayed = await outboxRelay({ storage: outbox, broker: publisher }).tick({
      budgetMs: 30_000,
    });
    assert.equal(relayed.published, 60);
    const report = await consumer.tick({ budgetMs: 30_000 });
    assert.equal(report.handled, 50);
    assert.equal(report.duplicates, 10);
    assert.equal(report.deadLettered, 0);
    assert.deepEqual(
      handled.toSorted((a, b) => a.number - b.number),
      orders.map(({ data: { number }, metadata: { id } }) => ({
        number,
        id,
        correlationId: `conversation ${number}`,
        traceparent,
        key: `c${number % 5}`,
      })),
    );
    for (let customer = 0; customer < 5; customer++) {
      const numbers = handled.filter(({ key }) => key === `c${customer}`).map(({ number }) =>
        number
      );
      assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
    }
    assert.equal((await consumer.tick({ budgetMs: 30_000 })).handled, 0); // all were acknowledged
  });

  Deno.test("a poison message reaches the dead letters, while others flow", async () => {
    await using service = await begin(connection);
    const { Ordered, outbox, publisher, consumer, handled, storage, topic } = service;
    const good = Ordered({ customer: "good", number: 1 }, { id: "good" });
    const bad = Ordered({ customer: "bad", number: -1 }, { id: "bad" });
    const last = Ordered({ customer: "good", number: 2 }, { id: "last" });
    await outbox.outbox.store([good, bad]);
    const relay = outboxRelay({ storage: outbox, broker: publisher });
    await relay.tick({ budgetMs: 30_000 });
    await withRawChannel(connection, async (channel) => {
      await channel.confirmSelect();
      await channel.basicPublish(topic, "raw", new Uint8Array([255, 0, 1]));
    });
    await outbox.outbox.store([last]);
    await relay.tick({ budgetMs: 30_000 });
    const report = await consumer.tick({ budgetMs: 30_000 });
    assert.deepEqual(handled.map(({ id }) => id), ["good", "last"]);
    assert.equal(report.deadLettered, 2);
    const letters = await storage.inbox.deadLetters.list({ consumer: "billing" });
    assert.equal(letters.find(({ envelope }) => envelope.id === "bad")?.attempts, 2);
    const unread = letters.find(({ envelope }) => envelope.id !== "bad");
    assert.deepEqual(unread?.envelope.body, new Uint8Array([255, 0, 1]));
    assert.match(String(unread?.error), /CloudEvents/);
  });
}

/** What was seen of a message. */
interface Handled {
  readonly number: number;
  readonly id: string;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly key: string | undefined;
}

/** A service that publishes orders, and one that handles them, over a topic of their own. */
async function begin(connection: string) {
  const topic = `orders.${crypto.randomUUID()}`;
  const Ordered = notification("ordered", {
    topic,
    data: type<{ customer: string; number: number }>(),
    key: ({ customer }) => customer,
  });
  const [outbox, storage] = [memoryStorage(), memoryStorage()];
  const handled: Handled[] = [];
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Ordered, ({ number }, { metadata }) => {
      if (number < 0) throw new RangeError("There is no such order");
      const { id, correlationId, key } = metadata;
      handled.push({ number, id, correlationId, traceparent: metadata.traceparent, key });
    }),
  );
  const publisher = rabbitmqPublisher({ connection });
  const source = rabbitmqSource({ connection, group: "billing" });
  const consumer = eventConsumer({
    source,
    topics: [topic],
    app,
    storage,
    consumer: "billing",
    prefetch: 10,
    retry: { maxAttempts: 2, backoff: () => 0 },
  });
  await consumer.tick({ budgetMs: 30_000, idleMs: 0 }); // its queue is there from now on
  return {
    topic,
    Ordered,
    outbox,
    storage,
    handled,
    publisher,
    consumer,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}
