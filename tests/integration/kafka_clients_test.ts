import { Consumer, Producer } from "@platformatic/kafka";
import {
  kafkaPublisher,
  kafkaSource,
  platformaticPublisher,
  platformaticSource,
} from "@sluice/cqrs/kafka";
import assert from "node:assert/strict";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { Source } from "../../src/broker/mod.ts";
import { plainMessage, publishAll, take, textOf } from "../../src/testing/broker_messages.ts";
import { readText, root } from "../architecture/repository.ts";
import { type KafkaServer, saslUser, tryStartKafka } from "../services/kafka.ts";
import { kafkaClients } from "./kafka/clients.ts";
import { kafkaJs } from "./kafka/harness.ts";

const options = { sanitizeOps: false, sanitizeResources: false };

/** What each program of `examples/kafka` prints, and the topic that it needs. */
const programs = {
  "outbox_to_kafka.ts": {
    topic: "account_events",
    output: `\
Stored: 2 messages
Published: 2 messages
Read: account.moved of ada: {"account":"ada","amount":50}
Read: account.moved of ada: {"account":"ada","amount":-20}
`,
  },
  "consumer.ts": {
    topic: "payment_events",
    output: `\
Published: 4 messages
An attempt failed
ada: 750, bob: nothing
Given up after 2 attempts: Error: The account is blocked
The account is open again
ada: 750, bob: 700
`,
  },
};

const kafka = await tryStartKafka();
if (kafka !== undefined) {
  Deno.test.afterAll(() => kafka.stop());
  testBytes(kafka);
  testPartitions(kafka);
  testSecurity(kafka);
  testExamples(kafka);
}

function testBytes(kafka: KafkaServer): void {
  for (const client of kafkaClients) {
    Deno.test(`${client.name}: publish() keeps every byte of a body`, options, async () => {
      const topic = await kafka.createTopic();
      const body = Uint8Array.from({ length: 256 }, (_, n) => n);
      await using publisher = client.publisher(kafka.bootstrap);
      // As a part of something larger, as codecs give it.
      const part = new Uint8Array([9, ...body, 9]).subarray(1, 257);
      await publishAll(publisher, [{ ...plainMessage(topic, ""), body: part }]);
      await using source = client.source(kafka.bootstrap, { groupId: crypto.randomUUID() });
      const [delivery] = await take(source.subscribe({ topics: [topic] }), 1);
      assert.deepEqual([...delivery?.envelope.body ?? []], [...body]);
    });
  }

  Deno.test(
    "kafkajs by itself makes broken records of bytes that are not those of Node",
    options,
    async () => {
      const topic = await kafka.createTopic();
      const producer = kafkaJs(kafka.bootstrap).producer({ createPartitioner: () => () => 0 });
      await producer.connect();
      const value: unknown = new Uint8Array([1, 255, 3]);
      // Its length is that of the bytes, its contents are those of their text. Older brokers take it.
      await assert.rejects(producer.send({ topic, messages: [{ value: value as string }] }), {
        type: "INVALID_RECORD",
      });
      await producer.disconnect();
    },
  );

  Deno.test("kafkajs: publish() compresses", options, async () => {
    const topic = await kafka.createTopic();
    const { GZIP: compression } = CompressionTypes;
    await using publisher = kafkaPublisher(kafkaJs(kafka.bootstrap), { compression });
    await using source = kafkaSource(kafkaJs(kafka.bootstrap), { groupId: crypto.randomUUID() });
    await tryTopic(topic, publisher, source);
  });

  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    Deno.test(`platformatic: publish() compresses with ${compression}`, options, async () => {
      const topic = await kafka.createTopic();
      const base = { clientId: "tests", bootstrapBrokers: [kafka.bootstrap] };
      await using publisher = platformaticPublisher(
        (settings) => new Producer({ ...base, ...settings }),
        { compression },
      );
      await using source = platformaticSource(
        (settings) => new Consumer({ ...base, ...settings }),
        { groupId: crypto.randomUUID() },
      );
      await tryTopic(topic, publisher, source);
    });
  }
}

function testPartitions(kafka: KafkaServer): void {
  Deno.test("both clients put a key onto the same partition", options, async () => {
    const topic = await kafka.createTopic({ partitions: 7 });
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);
    for (const client of kafkaClients) {
      await using publisher = client.publisher(kafka.bootstrap);
      await publishAll(publisher, keys.map((key) => plainMessage(topic, key, key)));
    }
    const source = kafkaSource(kafkaJs(kafka.bootstrap), { groupId: crypto.randomUUID() });
    const subscription = source.subscribe({ topics: [topic], maxUnsettled: 100 });
    const partitions = new Map<string, Set<string>>();
    for (const { envelope, partition } of await take(subscription, 2 * keys.length)) {
      const known = partitions.get(envelope.key ?? "") ?? new Set();
      partitions.set(envelope.key ?? "", known.add(partition));
    }
    await source[Symbol.asyncDispose]();
    assert.deepEqual([...partitions.values()].map(({ size }) => size), keys.map(() => 1));
  });

  for (const client of kafkaClients) {
    Deno.test(`${client.name}: subscribe() fails if a topic was never there`, options, async () => {
      const groupId = crypto.randomUUID();
      await using source = client.source(kafka.bootstrap, { groupId });
      const subscription = source.subscribe({ topics: ["there-is-none"] });
      await assert.rejects(subscription.ready);
      await assert.rejects(async () => await subscription[Symbol.asyncIterator]().next());
    });

    Deno.test(
      `${client.name}: publish() refuses a topic that is not there, and no other`,
      options,
      async () => {
        const topic = await kafka.createTopic();
        await using publisher = client.publisher(kafka.bootstrap);
        const results = await publisher.publish([
          plainMessage("there-is-none", "a"),
          plainMessage(topic, "b"),
        ]);
        assert.deepEqual(results.map(({ ok }) => ok), [false, true]);
      },
    );
  }
}

function testSecurity({ saslBootstrap, createTopic }: KafkaServer): void {
  if (saslBootstrap === undefined) return;
  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    Deno.test(`kafkajs: SASL ${mechanism} is that of the client`, options, async () => {
      const client = new Kafka({
        brokers: [saslBootstrap],
        logLevel: logLevel.NOTHING,
        // deno-lint-ignore no-explicit-any -- its types want each mechanism by itself
        sasl: { mechanism, ...saslUser } as any,
      });
      await using publisher = kafkaPublisher(client);
      await using source = kafkaSource(client, { groupId: crypto.randomUUID() });
      await tryTopic(await createTopic(), publisher, source);
    });
  }
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    Deno.test(`platformatic: SASL ${mechanism} is that of the client`, options, async () => {
      const base = {
        clientId: "tests",
        bootstrapBrokers: [saslBootstrap],
        sasl: { mechanism, ...saslUser },
      };
      await using publisher = platformaticPublisher((settings) =>
        new Producer({ ...base, ...settings })
      );
      await using source = platformaticSource(
        (settings) => new Consumer({ ...base, ...settings }),
        { groupId: crypto.randomUUID() },
      );
      await tryTopic(await createTopic(), publisher, source);
    });
  }

  Deno.test("kafkaSource() fails with a password that is wrong", options, async () => {
    const client = new Kafka({
      brokers: [saslBootstrap],
      logLevel: logLevel.NOTHING,
      sasl: { mechanism: "plain", username: saslUser.username, password: "wrong" },
    });
    await using source = kafkaSource(client, { groupId: crypto.randomUUID() });
    await assert.rejects(source.subscribe({ topics: ["any"] }).ready, /[Aa]uthentication/);
  });

  Deno.test("platformaticSource() fails with a password that is wrong", options, async () => {
    const base = {
      clientId: "tests",
      bootstrapBrokers: [saslBootstrap],
      sasl: { mechanism: "PLAIN", username: saslUser.username, password: "wrong" } as const,
    };
    await using source = platformaticSource(
      (settings) => new Consumer({ ...base, ...settings, retries: 0 }),
      { groupId: crypto.randomUUID() },
    );
    await assert.rejects(source.subscribe({ topics: ["any"] }).ready);
  });
}

function testExamples(kafka: KafkaServer): void {
  for (const [name, { topic, output }] of Object.entries(programs)) {
    Deno.test(`the program kafka/${name} prints what its test says`, options, async () => {
      const file = `examples/kafka/${name}`;
      const admin = kafkaJs(kafka.bootstrap).admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
      await admin.disconnect();
      const command =
        /Run it[^]*?KAFKA_BOOTSTRAP=\S+ (deno run [^\n]+)\n/.exec(await readText(file))?.[1] ?? "";
      assert.ok(command.endsWith(file));
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", ...command.split(" ").slice(2)],
        cwd: root,
        env: { NO_COLOR: "1", KAFKA_BOOTSTRAP: kafka.bootstrap },
        stdin: "null",
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.equal(code, 0, text(stderr));
      assert.equal(text(stdout), output);
    });
  }
}

async function tryTopic(
  topic: string,
  publisher: Parameters<typeof publishAll>[0],
  source: Source,
): Promise<void> {
  const text = "The same again, and again. ".repeat(50);
  await publishAll(publisher, [plainMessage(topic, text)]);
  const subscription = source.subscribe({ topics: [topic] });
  await subscription.ready;
  const [delivery] = await take(subscription, 1);
  assert.equal(delivery && textOf(delivery), text);
}
