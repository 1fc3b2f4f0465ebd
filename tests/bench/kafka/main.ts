/**
 * Measures publishing to a real Kafka against the same client by hand, and the outbox on a real Postgres
 * against its parts, each in turn within one run. Prints a table; read the ratios.
 *
 * Run it: deno task bench:kafka [publish | outbox]
 */

// deno-lint-ignore-file no-console

import { Producer, stringSerializers } from "@platformatic/kafka";
import {
  type Envelope,
  jsonCodec,
  notification,
  type Publisher,
  toEnvelope,
  type,
} from "@sluice/cqrs";
import { kafkaPublisher, platformaticPublisher } from "@sluice/cqrs/kafka";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { Buffer } from "node:buffer";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startKafka } from "../../services/kafka.ts";
import { startPostgres } from "../../services/postgres.ts";
import { compare, timed } from "../outbox/measure.ts";

const BATCH = 500;
const COUNT = 10_000;
const ROUNDS = 9;
const TEXT = "x".repeat(170);

/** Sends a batch by hand. */
type Send = (topic: string, messages: readonly Envelope[]) => Promise<unknown>;

const kafka = await startKafka();
const topic = await kafka.createTopic();
const Noted = notification("noted", {
  topic,
  data: type<{ key: string; text: string }>(),
  key: ({ key }) => key,
});
const notes = (count: number) =>
  Array.from({ length: count }, (_, n) => Noted({ key: `key ${n % 100}`, text: TEXT }));
const envelopes = await Promise.all(
  notes(COUNT).map((note) => toEnvelope(note, { codec: jsonCodec(), source: "/bench" })),
);

const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING });
const byKafkaJs = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await byKafkaJs.connect();
const base = { clientId: "bench", bootstrapBrokers: [kafka.bootstrap] };
const byPlatformatic = new Producer({
  ...base,
  serializers: { ...stringSerializers, value: asIs },
});

function asIs(value?: Buffer): Buffer | undefined {
  return value;
}

/** What somebody writes who knows the names of the headers. */
function headersOf({ id, source, type, time, correlationId, contentType, key = "" }: Envelope) {
  return {
    "ce_specversion": "1.0",
    "ce_id": id,
    "ce_source": source,
    "ce_type": type,
    "ce_time": time.toISOString(),
    "ce_partitionkey": key,
    "ce_correlationid": correlationId,
    "content-type": contentType,
  };
}

const clients: readonly {
  readonly name: string;
  readonly send: Send;
  readonly publisher: Publisher;
}[] = [
  {
    name: "kafkajs",
    send: (topic, messages) =>
      byKafkaJs.send({
        topic,
        acks: -1,
        messages: messages.map((message) => ({
          key: message.key ?? null,
          value: Buffer.from(message.body),
          headers: headersOf(message),
        })),
      }),
    publisher: kafkaPublisher(client),
  },
  {
    name: "platformatic",
    send: (topic, messages) =>
      byPlatformatic.send({
        acks: -1,
        messages: messages.map((message) => ({
          topic,
          key: message.key ?? "",
          value: Buffer.from(message.body),
          headers: headersOf(message),
        })),
      }),
    publisher: platformaticPublisher((settings) => new Producer({ ...base, ...settings })),
  },
];

async function inBatches(
  size: number,
  send: (messages: readonly Envelope[]) => Promise<unknown>,
): Promise<number> {
  return await timed(async () => {
    for (let n = 0; n < COUNT; n += size) await send(envelopes.slice(n, n + size));
  });
}

async function publishAll(publisher: Publisher, messages: readonly Envelope[]): Promise<void> {
  const results = await publisher.publish(messages);
  const failed = results.find((result) => !result.ok);
  if (failed !== undefined) throw new Error("Not published", { cause: failed });
}

function rate(ms: number): string {
  return `${Math.round(COUNT / ms * 1_000).toLocaleString("en")}/s`;
}

async function publishBench(): Promise<void> {
  for (const { name, send, publisher } of clients) {
    const { medianMs: [raw = NaN, ours = NaN] } = await compare(ROUNDS, [
      () => inBatches(BATCH, (messages) => send(topic, messages)),
      () => inBatches(BATCH, (messages) => publishAll(publisher, messages)),
    ]);
    const ratio = (raw / ours).toFixed(2);
    console.log(`| ${name}, batches of ${BATCH} | ${rate(raw)} | ${rate(ours)} | ${ratio} |`);
  }
}

async function outboxBench(): Promise<void> {
  await using server = await startPostgres({
    isOwn: true,
    settings: { synchronous_commit: "on" },
  });
  await using database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 });
  pool.on("error", () => {});
  const storage = postgresStorage(fromPg(pool));
  await storage.migrate();
  const instant: Publisher = {
    keepsOrderOnFailure: true,
    publish: (messages) => Promise.resolve(messages.map(() => ({ ok: true }))),
    async [Symbol.asyncDispose]() {},
  };
  const drain = async (broker: Publisher) => {
    const all = notes(COUNT);
    for (let n = 0; n < COUNT; n += 5_000) await storage.outbox.store(all.slice(n, n + 5_000));
    const relay = outboxRelay({ storage, broker });
    return await timed(async () => {
      const { published } = await relay.tick({ budgetMs: 600_000 });
      if (published !== COUNT) throw new Error(`Published ${published} of ${COUNT}`);
    });
  };
  for (const { name, send, publisher } of clients) {
    const { medianMs: [relay = NaN, raw = NaN, ours = NaN] } = await compare(ROUNDS, [
      () => drain(instant),
      () => inBatches(BATCH, (messages) => send(topic, messages)),
      () => drain(publisher),
    ]);
    const slower = Math.max(relay, raw);
    console.log(
      `| outbox to Kafka, ${name}; relay alone ${rate(relay)}, client alone ${rate(raw)} | ` +
        `${rate(slower)} | ${rate(ours)} | ${(slower / ours).toFixed(2)} |`,
    );
  }
  await pool.end();
}

console.log(
  `Deno ${Deno.version.deno}\n| what | by hand | Sluice | ratio |\n| --- | --- | --- | --- |`,
);
const [only] = Deno.args;
if (only !== "outbox") await publishBench();
if (only !== "publish") await outboxBench();
for (const { publisher } of clients) await publisher[Symbol.asyncDispose]();
await byKafkaJs.disconnect();
await byPlatformatic.close();
await kafka.stop();
