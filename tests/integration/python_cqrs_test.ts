import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { bootstrap, handlers, memoryBroker, notification, type } from "../../mod.ts";
import { memorySource, pythonCqrs, type WireFormat } from "../../src/broker/mod.ts";
import { eventConsumer, type EventConsumerOptions } from "../../src/consumer/mod.ts";
import { type Envelope, jsonCodec, toEnvelope } from "../../src/message/mod.ts";
import { memoryStorage } from "../../src/storage/memory/mod.ts";
import { type PythonEvent, type PythonMessage, styles } from "./python_cqrs/service.ts";
import { describe, joinedInProtobuf, startServices } from "./python_cqrs/services.ts";
import { UserJoinedSchema } from "./python_cqrs/user_joined_pb.ts";

const { services, registryUrl, stop } = await startServices();

Deno.test.afterAll(stop);

const TOPIC = "users";
const payload = { "user_id": "Zoë", visits: 9_007_199_254_740_991 };

/** Has a consumer handle what a format reads of a message, and resolves to that. */
async function handle(
  { body, headers }: PythonMessage,
  { format, app }: { readonly format: WireFormat; readonly app: EventConsumerOptions["app"] },
): Promise<Envelope> {
  const context = { topic: TOPIC, fallbackId: "users/0/0", time: new Date(0) };
  const envelope = format.read({ key: undefined, contentType: undefined, headers, body }, context);
  const broker = memoryBroker();
  await broker.publish([envelope]);
  const report = await eventConsumer({
    source: memorySource(broker),
    topics: [TOPIC],
    app,
    storage: memoryStorage(),
    consumer: "tests",
  }).tick({ budgetMs: 10_000, idleMs: 0 });
  assert.equal(report.handled, 1);
  return envelope;
}

const millisecondsOf = ({ timestamp }: PythonEvent) => timestamp.replace(/(\.\d{3})\d*$/, "$1Z");

for (const [version, service] of services) {
  for (const style of styles[version].filter((style) => style !== "protobuf")) {
    const format = pythonCqrs();

    Deno.test(`pythonCqrs() reads what ${style} events of python-cqrs ${version} are written as`, async () => {
      const message = await service.write(style, TOPIC, payload);
      const Joined = notification("user.joined", {
        topic: TOPIC,
        data: type<Record<string, string | number>>(),
      });
      const seen: unknown[] = [];
      const app = bootstrap(handlers().on(Joined, (data) => void seen.push(data)));
      const envelope = await handle(message, { format, app });
      const { "user_id": userId, visits } = payload;
      assert.deepEqual(seen, [style === "dataclass" ? { userId, visits } : payload]);
      assert.equal(envelope.id, message.event.id);
      assert.equal(envelope.time.toISOString(), millisecondsOf(message.event));
    });

    for (const times of ["utc", "naive"] as const) {
      Deno.test(`pythonCqrs() writes what ${style} events of python-cqrs ${version} are read from, with ${times} times`, async () => {
        const Joined = notification("user.joined", {
          topic: TOPIC,
          data: type<typeof payload>(),
        });
        const message = Joined(payload);
        const envelope = await toEnvelope(message, { codec: jsonCodec(), source: "/tests" });
        const read = await service.read(style, pythonCqrs({ times }).write(envelope).body);
        const time = message.metadata.time.toISOString().slice(0, -1);
        assert.equal(read.id, message.metadata.id);
        assert.equal(read.name, "user.joined");
        assert.equal(read.topic, TOPIC);
        assert.deepEqual(read.payload, payload);
        assert.match(read.timestamp, times === "utc" ? /\+00:00$/ : /\d$/);
        assert.equal(read.timestamp.slice(0, 23), time);
      });
    }
  }

  Deno.test(`pythonCqrs() reads what protobuf events of python-cqrs ${version} are written as`, async () => {
    const message = await service.write("protobuf", TOPIC, payload);
    const format = pythonCqrs({ describe });
    const Joined = joinedInProtobuf(version, TOPIC, registryUrl);
    const seen: unknown[] = [];
    const app = bootstrap(handlers().on(Joined, (data) => void seen.push(data)));
    const envelope = await handle(message, { format, app });
    assert.equal(envelope.id, message.event.id);
    const { id: eventId, timestamp: eventTimestamp, name: eventName } = message.event;
    const data = { userId: payload["user_id"], visits: BigInt(payload.visits) };
    const expected = { eventId, eventTimestamp, eventName, topic: TOPIC, payload: data };
    assert.deepEqual(seen, [create(UserJoinedSchema, expected)]);
  });

  Deno.test(`pythonCqrs() writes what protobuf events of python-cqrs ${version} are read from`, async () => {
    const Joined = joinedInProtobuf(version, TOPIC, registryUrl);
    const eventId = "019c0000-0000-7000-8000-000000000001";
    const joined = Joined({
      eventId,
      eventTimestamp: "2026-02-03T04:05:06.789012",
      eventName: "user.joined",
      topic: TOPIC,
      payload: { userId: payload["user_id"], visits: BigInt(payload.visits) },
    }, { id: eventId });
    const envelope = await toEnvelope(joined, { codec: jsonCodec(), source: "/tests" });
    const { body, headers } = pythonCqrs().write(envelope);
    assert.equal(headers["event_name"], "user.joined");
    assert.equal(headers["message_id"], eventId);
    assert.deepEqual(await service.read("protobuf", body), {
      type: "UserJoined",
      id: eventId,
      timestamp: "2026-02-03T04:05:06.789012",
      name: "user.joined",
      topic: TOPIC,
      payload,
    });
  });
}
