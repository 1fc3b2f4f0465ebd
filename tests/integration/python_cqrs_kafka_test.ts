import { Kafka, logLevel } from "kafkajs";
import assert from "node:assert/strict";
import { bootstrap, handlers, notification, type } from "../../mod.ts";
import { pythonCqrs } from "../../src/broker/mod.ts";
import { eventConsumer, type EventConsumerOptions } from "../../src/consumer/mod.ts";
import { kafkaPublisher, kafkaSource } from "../../src/kafka/mod.ts";
import { outboxRelay } from "../../src/outbox/mod.ts";
import { memoryStorage } from "../../src/storage/memory/mod.ts";
import { tryStartKafka } from "../services/kafka.ts";
import type { PythonVersion } from "./python_cqrs/service.ts";
import { describe, joinedInProtobuf, startServices } from "./python_cqrs/services.ts";

const kafka = await tryStartKafka();
const { services, registryUrl, stop } = await startServices();

Deno.test.afterAll(async () => {
  await stop();
  await kafka?.stop();
});

const format = pythonCqrs({ describe });
const payloads = ["u1", "u2", "u3"].map((id, n) => ({ "user_id": id, visits: n + 2 ** 40 }));

/** The notification as JSON. */
const joinedInJson = (topic: string) =>
  notification("user.joined", { topic, data: type<{ user_id: string; visits: number }>() });

/** Has a consumer handle messages of a topic until there are no more. */
async function consume(
  client: Kafka,
  topic: string,
  app: EventConsumerOptions["app"],
): Promise<number> {
  const source = kafkaSource(client, { groupId: `${topic}-sluice`, format });
  try {
    const { handled, deadLettered } = await eventConsumer({
      source,
      topics: [topic],
      app,
      storage: memoryStorage(),
      consumer: "tests",
    }).tick({ budgetMs: 60_000, idleMs: 2_000 });
    assert.equal(deadLettered, 0);
    return handled;
  } finally {
    await source[Symbol.asyncDispose]();
  }
}

function tests(bootstrapServers: string, createTopic: () => Promise<string>): void {
  const connect = () => new Kafka({ brokers: [bootstrapServers], logLevel: logLevel.NOTHING });

  for (const [version, service] of services) {
    Deno.test(`eventConsumer() handles JSON that python-cqrs ${version} publishes to Kafka`, async () => {
      const topic = await createTopic();
      const events = await service.publish(bootstrapServers, {
        style: "pydantic",
        topic,
        payloads,
      });
      const seen: unknown[] = [];
      const app = bootstrap(
        handlers().on(joinedInJson(topic), (data, { message: { metadata } }) => {
          seen.push([metadata.id, data]);
        }),
      );
      assert.equal(await consume(connect(), topic, app), payloads.length);
      const expected = events.map(({ id, payload }) => [id, payload]);
      assert.deepEqual(seen.sort(), expected.sort());
    });

    Deno.test(`eventConsumer() handles protobuf that python-cqrs ${version} publishes to Kafka`, async () => {
      const topic = await createTopic();
      const events = await service.publish(bootstrapServers, {
        style: "protobuf",
        topic,
        payloads,
      });
      const seen: unknown[] = [];
      const app = bootstrap(
        handlers().on(joinedInProtobuf(version, topic, registryUrl), (data, context) => {
          const { eventId, payload } = data;
          assert.equal(context.message.metadata.id, eventId);
          seen.push([eventId, payload?.userId, Number(payload?.visits)]);
        }),
      );
      assert.equal(await consume(connect(), topic, app), payloads.length);
      const expected = events.map(({ id, payload }) => [id, payload["user_id"], payload["visits"]]);
      assert.deepEqual(seen.sort(), expected.sort());
    });

    Deno.test(`outboxRelay() publishes to Kafka JSON that python-cqrs ${version} reads`, async () => {
      const topic = await createTopic();
      const messages = payloads.map((payload) => joinedInJson(topic)(payload, { key: "k" }));
      await publish(connect(), messages);
      const style = "pydantic";
      const records = await service.consume(bootstrapServers, { style, topic, count: 3 });
      assert.deepEqual(
        records.map(({ key, event: { id, payload } }) => ({ key, id, payload })),
        messages.map(({ data, metadata: { id } }) => ({ key: "k", id, payload: data })),
      );
    });

    Deno.test(`outboxRelay() publishes to Kafka protobuf that python-cqrs ${version} reads`, async () => {
      const topic = await createTopic();
      const messages = payloads.map((payload, n) =>
        protobufMessage(version, topic, { payload, n })
      );
      await publish(connect(), messages);
      const style = "protobuf";
      const records = await service.consume(bootstrapServers, { style, topic, count: 3 });
      assert.deepEqual(
        records.map(({ headers, event: { id, payload } }) => [headers["message_id"], id, payload]),
        messages.map(({ metadata: { id } }, n) => [id, id, payloads[n]]),
      );
    });
  }

  Deno.test("eventConsumer() handles JSON and protobuf of python-cqrs 5.3.0 on one topic", async () => {
    const service = services.get("5.3.0");
    assert.ok(service !== undefined);
    const topic = await createTopic();
    await service.publish(bootstrapServers, { style: "protobuf", topic, payloads });
    const InProtobuf = joinedInProtobuf("5.3.0", topic, registryUrl);
    const InJson = notification("user.renamed", { topic, data: type<{ name: string }>() });
    await publish(connect(), [InJson({ name: "Zoë" })]);
    const seen: string[] = [];
    const app = bootstrap(
      handlers()
        .on(InProtobuf, ({ payload }) => void seen.push(payload?.userId ?? ""))
        .on(InJson, ({ name }) => void seen.push(name)),
    );
    assert.equal(await consume(connect(), topic, app), payloads.length + 1);
    assert.deepEqual(seen.sort(), ["Zoë", "u1", "u2", "u3"]);
  });
}

function protobufMessage(
  version: PythonVersion,
  topic: string,
  { payload: { "user_id": userId, visits }, n }: {
    readonly payload: typeof payloads[number];
    readonly n: number;
  },
) {
  const eventId = `019c0000-0000-7000-8000-00000000000${n}`;
  const eventTimestamp = "2026-02-03T04:05:06.789012";
  const payload = { userId, visits: BigInt(visits) };
  return joinedInProtobuf(version, topic, registryUrl)(
    { eventId, eventTimestamp, eventName: "user.joined", topic, payload },
    { id: eventId, key: "k" },
  );
}

/** Stores messages in an outbox, and has a relay publish them. */
async function publish(
  client: Kafka,
  messages: Parameters<ReturnType<typeof memoryStorage>["outbox"]["store"]>[0],
): Promise<void> {
  const storage = memoryStorage();
  const broker = kafkaPublisher(client, { format: pythonCqrs() });
  try {
    await storage.outbox.store(messages);
    const report = await outboxRelay({ storage, broker }).tick({ budgetMs: 30_000 });
    assert.equal(report.published, messages.length);
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

if (kafka !== undefined) tests(kafka.bootstrap, () => kafka.createTopic());
