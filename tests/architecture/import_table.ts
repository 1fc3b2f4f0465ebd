/**
 * Which folder of `src` may import which: the table that `imports_test.ts`
 * enforces and that `.github/ARCHITECTURE.md` shows.
 *
 * @module
 */

/** The files beside the folders of `src`: they import nothing, and every folder may import them. */
export const rootFiles: readonly string[] = ["clock.ts", "errors.ts"];

/** What a folder of `src` is for, and what its files may import besides `rootFiles` and each other. */
export interface Row {
  /** What lives in the folder, in a few words. */
  readonly lives: string;
  /** The folders whose `mod.ts` it may import. */
  readonly folders: readonly string[];
  /** The folders whose `mod.ts` it may import types from, and nothing that exists at run time. */
  readonly types: readonly string[];
  /** The third-party packages it may import. */
  readonly packages: readonly string[];
}

/** The import table, from the bottom up. */
export const importTable: Readonly<Record<string, Row>> = {
  message: {
    lives: "message definitions, envelope, codec port and JSON codec, ids, Standard Schema types",
    folders: [],
    types: [],
    packages: [],
  },
  stream: {
    lives:
      "async iterators and Web Streams, bounded concurrency, SSE encoder and parser, replay log",
    folders: [],
    types: [],
    packages: [],
  },
  resilience: {
    lives: "retry policies, time limits, circuit breaker and its store port, concurrency limit",
    folders: [],
    types: [],
    packages: [],
  },
  broker: {
    lives: "the ports to brokers, formats on the wire, and a broker in memory",
    folders: ["message", "resilience"],
    types: [],
    packages: [],
  },
  storage: {
    lives: "the port of everything that outlives a process: transactions, the outbox, leases",
    folders: ["message", "stream"],
    types: [],
    packages: [],
  },
  mediator: {
    lives: "handlers, context, middlewares, combinators, container port, event dispatch, the app",
    folders: ["message", "stream", "resilience", "broker"],
    types: ["storage"],
    packages: [],
  },
  background: {
    lives: "jobs that are done in bounded steps, and what drives them",
    folders: ["resilience"],
    types: [],
    packages: [],
  },
  "storage/memory": {
    lives: "a storage in the memory of this process",
    folders: ["message", "stream", "storage"],
    types: [],
    packages: [],
  },
  "storage/postgres": {
    lives: "a storage on Postgres, through whichever driver the application has",
    folders: ["message", "stream", "resilience", "storage"],
    types: [],
    packages: [],
  },
  "storage/postgres_log": {
    lives: "the tail of Postgres' log as a source of relays, over logical replication",
    folders: ["message", "resilience", "storage"],
    types: ["storage/postgres"],
    packages: ["pg-logical-replication"],
  },
  "storage/deno_kv": {
    lives: "a storage on Deno KV",
    folders: ["message", "stream", "resilience", "storage"],
    types: [],
    packages: [],
  },
  outbox: {
    lives: "transactions around handlers, the relay that publishes what is stored, retention",
    folders: ["message", "resilience", "background", "storage"],
    types: ["broker", "mediator"],
    packages: [],
  },
  consumer: {
    lives: "messages from brokers, each handled once; idempotency keys; what is remembered of both",
    folders: ["message", "resilience", "background", "storage", "broker", "outbox"],
    types: ["mediator"],
    packages: [],
  },
  saga: {
    lives: "work of several steps that outlives its process: steps, compensation, recovery",
    folders: ["message", "resilience", "background", "storage", "mediator"],
    types: [],
    packages: [],
  },
  protobuf: {
    lives: "codecs over generated protobuf code, the frame of schema registries, a client of them",
    folders: ["message", "resilience"],
    types: [],
    packages: ["@bufbuild/protobuf"],
  },
  kafka: {
    lives: "publisher and source on Apache Kafka, through kafkajs or @platformatic/kafka",
    folders: ["resilience", "broker"],
    types: ["message"],
    packages: ["node:buffer"],
  },
  rabbitmq: {
    lives: "publishing to RabbitMQ, and reading from it, over its client",
    folders: ["message", "resilience", "broker"],
    types: [],
    packages: ["@cloudamqp/amqp-client"],
  },
  container: {
    lives: "a small container for services and handler classes, adapters for awilix and Needle DI",
    folders: ["mediator"],
    types: [],
    packages: [],
  },
  hono: {
    lives: "routes that answer with JSON, problem details and SSE; routes for ticks and health",
    folders: ["message", "stream", "mediator"],
    types: ["background"],
    packages: ["hono"],
  },
  client: {
    lives: "the other end of the routes: a typed client that resumes",
    folders: ["stream", "resilience"],
    types: ["message"],
    packages: [],
  },
  mermaid: {
    lives: "diagrams of sagas and chains in the language of Mermaid, from their definitions",
    folders: [],
    types: ["mediator", "saga"],
    packages: [],
  },
  testing: {
    lives: "what a test needs: a manual clock, cases that every implementation of a port must pass",
    folders: [],
    types: ["message", "stream", "resilience", "broker", "mediator", "storage"],
    packages: [],
  },
};
