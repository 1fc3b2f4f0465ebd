// deno-lint-ignore-file no-console -- what was seen is for the reader of the output
import { Consumer } from "@platformatic/kafka";
import { kafkaSource, platformaticSource } from "@sluice/cqrs/kafka";
import assert from "node:assert/strict";
import { TextLineStream } from "./outbox/lines.ts";
import type { Source } from "../../src/broker/mod.ts";
import { plainMessage, publishAll, take, textOf } from "../../src/testing/broker_messages.ts";
import { type KafkaServer, tryStartKafka } from "../services/kafka.ts";
import { type KafkaClient, kafkaClients } from "./kafka/clients.ts";
import { kafkaJs } from "./kafka/harness.ts";
import { messagesOf, Reader, Writer } from "./kafka/load.ts";

/** Longer than all time-outs of both clients, so that they have given up, and go on all the same. */
const OUTAGE_MS = 60_000;

/** The shortest that brokers allow. */
const SESSION_MS = 6_000;

// Its own, as it is restarted.
const kafka = await tryStartKafka({ isOwn: true });
if (kafka !== undefined) {
  Deno.test.afterAll(() => kafka.stop());
  testFaults(kafka);
}

function testFaults(kafka: KafkaServer): void {
  const options = { sanitizeOps: false, sanitizeResources: false };

  Deno.test(
    `a crash of the broker under load, and an outage of ${OUTAGE_MS / 1000} s, lose nothing`,
    options,
    async () => {
      const runs = await Promise.all(kafkaClients.map((client) => startRun(kafka, client)));
      await Promise.all(runs.map((run) => run.written(200)));
      await kafka.restart("kill");
      await Promise.all(runs.map((run) => run.written(200)));
      await Promise.all(runs.map((run) => run.rest()));

      await kafka.halt("stop");
      const settled = runs.map(({ reader }) => reader.texts.length);
      for (const run of runs) run.startWriter();
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
      await kafka.start();
      const since = performance.now();
      for (const [index, run] of runs.entries()) {
        await run.written(50);
        await run.rest();
        const before = new Set(run.reader.texts.slice(0, settled[index]));
        const again = run.reader.texts.slice(settled[index]).filter((text) => before.has(text));
        assert.deepEqual(again, [], "what was settled before the outage comes again");
        const copies = run.reader.texts.length - messagesOf(run.count());
        const seconds = ((performance.now() - since) / 1000).toFixed(1);
        console.log(
          `${run.name}: ${run.reader.texts.length} deliveries, ${copies} of them again; ` +
            `caught up ${seconds} s after the outage`,
        );
        await run.end();
      }
    },
  );

  for (const client of kafkaClients) {
    Deno.test(
      `${client.name}: members that come, leave and die under load lose nothing`,
      options,
      async () => {
        await tryMembers(kafka, client);
      },
    );
  }

  Deno.test(
    "a delivery stays valid for longer than the session of its member",
    options,
    async () => {
      await Promise.all(kafkaClients.map((client) => trySlowHandler(kafka, client)));
    },
  );

  Deno.test("kafkajs: a slow reader keeps what waits here bounded", options, async () => {
    let fetched = 0;
    const client = kafkaJs(kafka.bootstrap);
    const source = kafkaSource({
      producer: (config) => client.producer(config),
      consumer(config) {
        const consumer = client.consumer({ ...config, maxBytesPerPartition: 50_000 });
        return {
          ...consumer,
          run: (run) =>
            consumer.run({
              ...run,
              eachBatch: async (payload) => {
                if (payload.batch.topic.includes("test")) {
                  fetched += bytesOf(payload.batch.messages);
                }
                await run.eachBatch(payload);
              },
            }),
        };
      },
    }, { groupId: crypto.randomUUID(), maxWaitingBytes: 100_000 });
    await trySlowReader(kafka, source, () => fetched, 100_000 + 2 * 50_000);
  });

  Deno.test("platformatic: a slow reader keeps what waits here bounded", options, async () => {
    let fetched = 0;
    const source = platformaticSource((settings) => {
      const consumer = new Consumer({
        clientId: "tests",
        bootstrapBrokers: [kafka.bootstrap],
        ...settings,
      });
      const fetch = consumer.fetch.bind(consumer);
      return Object.assign(consumer, {
        async fetch(options: Parameters<typeof fetch>[0]) {
          const answer = await fetch(options);
          for (const { partitions } of answer.responses) {
            for (const { records } of partitions) {
              fetched += bytesOf((records ?? []).flatMap((batch) => batch.records));
            }
          }
          return answer;
        },
      });
    }, { groupId: crypto.randomUUID(), maxWaitingBytes: 100_000 });
    await trySlowReader(kafka, source, () => fetched, 100_000 + 1_048_576);
  });
}

function bytesOf(records: readonly { readonly value: Uint8Array | null }[]): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

/** A writer and a reader of one client, beside those of the other. */
async function startRun(kafka: KafkaServer, client: KafkaClient) {
  const topic = await kafka.createTopic();
  const groupId = crypto.randomUUID();
  const publisher = client.publisher(kafka.bootstrap);
  const source = client.source(kafka.bootstrap, { groupId, commitIntervalMs: 0 });
  const reader = new Reader();
  const subscription = source.subscribe({ topics: [topic], maxUnsettled: 10 });
  await subscription.ready;
  const reading = reader.read(subscription);
  let writer = new Writer(publisher, topic);
  return {
    name: client.name,
    reader,
    count: () => writer.confirmed,
    startWriter() {
      writer = new Writer(publisher, topic, writer.confirmed);
    },
    /** Resolves when so many more are confirmed. */
    async written(count: number) {
      const goal = writer.confirmed + count;
      await writer.progress.until(() => writer.confirmed >= goal);
    },
    /** Stops writing; resolves when all that was written is read, and noted by the broker. */
    async rest() {
      await writer.stop();
      await reader.untilDistinct(messagesOf(writer.confirmed));
      reader.assertComplete(writer.confirmed);
      await untilCommitted(kafka, groupId, topic);
    },
    async end() {
      await source[Symbol.asyncDispose]();
      await reading;
      await publisher[Symbol.asyncDispose]();
    },
  };
}

/** Asks the broker until the group has read all of a topic. */
async function untilCommitted(kafka: KafkaServer, groupId: string, topic: string): Promise<void> {
  const admin = kafkaJs(kafka.bootstrap).admin();
  await admin.connect();
  try {
    for (;;) {
      const ends = await admin.fetchTopicOffsets(topic);
      const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
      const isRead = ends.every(({ partition, high }) =>
        high === "0" ||
        group?.partitions.some((each) => each.partition === partition && each.offset === high)
      );
      if (isRead) return;
    }
  } finally {
    await admin.disconnect();
  }
}

/** One member, two, three of which one is another process, and one again. */
async function tryMembers(kafka: KafkaServer, client: KafkaClient): Promise<void> {
  const topic = await kafka.createTopic({ partitions: 6 });
  const groupId = crypto.randomUUID();
  await using publisher = client.publisher(kafka.bootstrap);
  await using source = client.source(kafka.bootstrap, { groupId, sessionTimeoutMs: SESSION_MS });
  const reader = new Reader();
  const writer = new Writer(publisher, topic);
  const more = async (count: number) => {
    const goal = reader.texts.length + count;
    await reader.progress.until(() => reader.texts.length >= goal);
  };

  const [leaving, staying] = [1, 2].map(() =>
    source.subscribe({ topics: [topic], maxUnsettled: 5 })
  );
  assert.ok(leaving && staying);
  const reading = [leaving, staying].map((each) => reader.read(each));
  await more(300);

  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      new URL("kafka/reader_process.ts", import.meta.url).pathname,
      client.name,
      kafka.bootstrap,
      groupId,
      topic,
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  let ofChild = 0;
  const childLines = (async () => {
    for await (const line of lines) {
      ofChild++;
      reader.add(line);
    }
  })();
  await reader.progress.until(() => ofChild >= 100);
  await leaving[Symbol.asyncDispose]();
  child.kill("SIGKILL");
  await Promise.all([child.status, childLines]);
  await more(300);

  await writer.stop();
  await reader.untilDistinct(messagesOf(writer.confirmed));
  await staying[Symbol.asyncDispose]();
  await Promise.all(reading);
  const distinct = new Set(reader.texts);
  assert.deepEqual([...distinct].toSorted(), Writer.expected(writer.confirmed));
  console.log(
    `${client.name}: ${distinct.size} messages, ${ofChild} by the process that was killed, ` +
      `${reader.texts.length - distinct.size} deliveries again`,
  );
}

async function trySlowHandler(kafka: KafkaServer, client: KafkaClient): Promise<void> {
  const topic = await kafka.createTopic();
  await using publisher = client.publisher(kafka.bootstrap);
  await publishAll(publisher, ["a", "b"].map((text) => plainMessage(topic, text, "key")));
  const groupId = crypto.randomUUID();
  await using source = client.source(kafka.bootstrap, { groupId, sessionTimeoutMs: SESSION_MS });
  const subscription = source.subscribe({ topics: [topic] });
  const [slow] = await take(subscription, 1);
  await new Promise((resolve) => setTimeout(resolve, SESSION_MS + 1_500));
  assert.equal(slow?.signal.aborted, false);
  await slow?.ack();
  await subscription[Symbol.asyncDispose]();
  const [next] = await take(source.subscribe({ topics: [topic] }), 1);
  assert.equal(next && textOf(next), "b");
}

/** Reads a little of much, then another topic for a while, then the rest. */
async function trySlowReader(
  kafka: KafkaServer,
  source: Source,
  fetchedBytes: () => number,
  maxBytes: number,
): Promise<void> {
  const MESSAGE_BYTES = 10_000;
  const COUNT = 500;
  const [large, other] = [
    await kafka.createTopic({ partitions: 1 }),
    await kafka.createTopic({ partitions: 1 }),
  ];
  const client = kafkaClients[0];
  assert.ok(client);
  await using publisher = client.publisher(kafka.bootstrap, { maxRequestBytes: 40_000 });
  await publishAll(
    publisher,
    Array.from({ length: COUNT }, (_, n) => plainMessage(large, String(n).padEnd(MESSAGE_BYTES))),
  );
  await using _source = source;
  const subscription = source.subscribe({ topics: [large, other] });
  const [first] = await take(subscription, 1);
  const before = fetchedBytes();
  // While the first is full, the other is read, round after round.
  for (let n = 0; n < 20; n++) {
    await publishAll(publisher, [plainMessage(other, `other ${n}`)]);
    const [delivery] = await take(subscription, 1);
    assert.equal(delivery && textOf(delivery), `other ${n}`);
    await delivery?.ack();
  }
  const waiting = fetchedBytes();
  console.log(
    `${
      COUNT * MESSAGE_BYTES
    } bytes there, ${before} and then ${waiting} of them fetched, of at most ${maxBytes}`,
  );
  assert.ok(waiting <= maxBytes, `${waiting} bytes wait here`);
  await first?.ack();
  for (let n = 1; n < COUNT; n++) {
    const [delivery] = await take(subscription, 1);
    assert.equal(delivery && textOf(delivery).trim(), String(n));
    await delivery?.ack();
  }
}
