/**
 * Measures the log tail against the bare client of logical replication, in turn within one run, and
 * how long it takes from a commit to the broker. Prints a table; read the ratios.
 *
 * Run it: deno run --allow-all tests/bench/outbox/postgres_log.ts
 */

// deno-lint-ignore-file no-console

import {
  type Envelope,
  jsonCodec,
  notification,
  type Publisher,
  toEnvelope,
  type,
} from "@sluice/cqrs";
import { type OutboxRelay, outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, type PostgresStorage, postgresStorage } from "@sluice/cqrs/postgres";
import pg from "pg";
import { LogicalReplicationService, PgoutputPlugin } from "pg-logical-replication";
import { base64, encodeEnvelopes } from "../../../src/storage/mod.ts";
import { postgresLogTail } from "../../../src/storage/postgres_log/mod.ts";
import { startPostgres, type TestDatabase } from "../../services/postgres.ts";
import { compare, quantileOf } from "./measure.ts";

const Noted = notification("noted", {
  topic: "notes",
  data: type<{ key: string; text: string }>(),
  key: ({ key }) => key,
});
const TEXT = "x".repeat(170);
const COUNT = 50_000;
const ROUNDS = 5;
const LATENCIES = 400;

type Storage = PostgresStorage<pg.PoolClient>;

async function measureRates({ pool, storage, relay, bare, appendTo }: {
  readonly pool: pg.Pool;
  readonly storage: Storage;
  readonly relay: OutboxRelay;
  readonly bare: Bare;
  readonly appendTo: "table" | "log";
}): Promise<void> {
  const fill = async () => {
    for (let n = 0; n < COUNT; n += 500) {
      const notes = Array.from({ length: 500 }, (_, i) => noteOf(n + i));
      if (appendTo === "table") await storage.outbox.store(notes);
      else await emitEach(pool, await Promise.all(notes.map(envelopeOf)));
    }
  };
  const polling = outboxRelay({ storage, broker: new Stamps() });
  const { medianMs: [bareMs = NaN, tailMs = NaN, pollingMs = NaN] } = await compare(ROUNDS, [
    async () => {
      await fill();
      const ms = await bare.read(COUNT);
      await drain(relay);
      return ms;
    },
    async () => {
      await fill();
      const ms = await drain(relay);
      await bare.read(COUNT);
      return ms;
    },
    ...appendTo === "log" ? [] : [async () => {
      await fill();
      const ms = await drain(polling);
      await relay.tick({ budgetMs: 600_000 }); // for the log
      await bare.read(COUNT);
      return ms;
    }],
  ]);
  const rate = (ms: number) => `${Math.round(COUNT / ms * 1_000).toLocaleString("en")}/s`;
  print(`${appendTo}: rate`, rate(bareMs), rate(tailMs), bareMs / tailMs);
  if (appendTo === "table") {
    print("table: rate (a polling relay)", rate(pollingMs), rate(tailMs), pollingMs / tailMs);
  }
}

async function drain(relay: OutboxRelay): Promise<number> {
  const startMs = performance.now();
  const { published } = await relay.tick({ budgetMs: 600_000 });
  if (published !== COUNT) throw new Error(`Published ${published} of ${COUNT}`);
  return performance.now() - startMs;
}

/** From when a commit is sent, one after the other. */
async function measureLatencies({ database, storage, relay, bare, stamps, appendTo }: {
  readonly database: TestDatabase;
  readonly storage: Storage;
  readonly relay: OutboxRelay;
  readonly bare: Bare;
  readonly stamps: Stamps;
  readonly appendTo: "table" | "log";
}): Promise<void> {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const writer = await pool.connect();
  let committed = 0;
  const write = async () => {
    const note = noteOf(committed++);
    await writer.query("begin");
    await storage.outbox.append(storage.join(writer), [note]);
    stamps.set(note.metadata.id);
    await writer.query("commit");
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const running = relay.run({ intervalMs: 1_000 });
  for (let n = 0; n < 200; n++) await write(); // these take partitions
  stamps.latencies.length = 0;
  for (let n = 0; n < LATENCIES; n++) await write();
  await running[Symbol.asyncDispose]();
  const tailMs = [...stamps.latencies];
  const bareMs = await bare.latencies(committed, write, () => stamps.sinceLast());
  writer.release();
  await pool.end();
  for (const share of [0.5, 0.95]) {
    const [bareAt, tailAt] = [quantileOf(bareMs, share), quantileOf(tailMs, share)];
    const what = `${appendTo}: from a commit to the callback, p${share * 100}`;
    print(what, `${bareAt.toFixed(2)} ms`, `${tailAt.toFixed(2)} ms`, tailAt / bareAt);
  }
}

function print(what: string, bare: string, tail: string, ratio: number): void {
  console.log(`| ${what} | ${bare} | ${tail} | ${ratio.toFixed(2)} |`);
}

function noteOf(n: number) {
  return Noted({ key: `key ${n % 100}`, text: TEXT });
}

function envelopeOf(note: ReturnType<typeof noteOf>): Envelope | Promise<Envelope> {
  return toEnvelope(note, { codec: jsonCodec(), source: "/" });
}

/** Each message in an entry of its own, as transactions with one message leave them. */
async function emitEach(pool: pg.Pool, envelopes: readonly Envelope[]): Promise<void> {
  await pool.query(
    `select pg_logical_emit_message(true, 'sluice_outbox', decode(entry, 'base64'))
from unnest($1::text[]) as u(entry)`,
    [envelopes.map((envelope) => base64(encodeEnvelopes([envelope])))],
  );
}

/** A broker that confirms at once, and knows when messages were committed. */
class Stamps implements Publisher {
  readonly keepsOrderOnFailure = true;
  readonly latencies: number[] = [];
  readonly #stamps: Map<string, number> = new Map();
  #lastMs = NaN;

  set(id: string): void {
    this.#lastMs = performance.now();
    this.#stamps.set(id, this.#lastMs);
  }

  sinceLast(): number {
    return performance.now() - this.#lastMs;
  }

  publish(messages: readonly Envelope[]) {
    for (const { id } of messages) {
      const startMs = this.#stamps.get(id);
      if (startMs !== undefined) this.latencies.push(performance.now() - startMs);
    }
    return Promise.resolve(messages.map(() => ({ ok: true as const })));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The client of logical replication as it is, with a slot and a publication of its own. */
class Bare {
  readonly #url: string;
  readonly #slot: string;

  private constructor(url: string, slot: string) {
    this.#url = url;
    this.#slot = slot;
  }

  static async create(pool: pg.Pool, { url, name }: TestDatabase): Promise<Bare> {
    const slot = `bare_${name.slice(0, 40)}`;
    await pool.query("create publication bare for table sluice_outbox with (publish = 'insert')");
    await pool.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    return new Bare(url, slot);
  }

  async drop(pool: pg.Pool): Promise<void> {
    await pool.query("select pg_drop_replication_slot($1)", [this.#slot]);
  }

  /** How long it takes to read so many rows and messages. */
  async read(count: number): Promise<number> {
    const startMs = performance.now();
    let endMs = NaN;
    let items = 0;
    await this.#follow(() => {
      if (++items === count) endMs = performance.now();
      return items === count;
    });
    return endMs - startMs;
  }

  /** What `since` says at each message behind the first `before`. */
  async latencies(
    before: number,
    write: () => Promise<void>,
    since: () => number,
  ): Promise<number[]> {
    const latencies: number[] = [];
    const isThere = Promise.withResolvers<void>();
    let items = 0;
    const following = this.#follow(() => {
      if (++items > before) latencies.push(since());
      else if (items === before) isThere.resolve();
      return items === before + LATENCIES;
    });
    await isThere.promise;
    for (let n = 0; n < LATENCIES; n++) await write();
    await following;
    return latencies;
  }

  /** Calls `onItem` at each row and message until it says that it is enough, and acknowledges all then. */
  async #follow(onItem: () => boolean): Promise<void> {
    const service = new LogicalReplicationService({ connectionString: this.#url }, {
      acknowledge: { auto: false, timeoutSeconds: 0 },
    });
    const { promise: end, resolve } = Promise.withResolvers<string>();
    let isEnough = false;
    service.on("data", (lsn, { tag }) => {
      if (tag === "insert" || tag === "message") isEnough = onItem();
      if (tag === "commit" && isEnough) resolve(lsn);
    });
    const plugin = new PgoutputPlugin({
      protoVersion: 1,
      publicationNames: ["bare"],
      messages: true,
    });
    const following = service.subscribe(plugin, this.#slot, "0/0");
    await service.acknowledge(await end);
    await service.stop();
    await following;
  }
}

const server = await startPostgres({ isOwn: true, settings: { synchronous_commit: "on" } });
console.log(`Postgres ${server.version}, Deno ${Deno.version.deno}, ${COUNT} messages at a time`);
console.log("| what | bare client | log tail | ratio |\n| --- | --- | --- | --- |");
for (const appendTo of ["table", "log"] as const) {
  await using database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 });
  pool.on("error", () => {});
  const storage = postgresStorage(fromPg(pool, { prepare: true }), { appendTo });
  await storage.migrate();
  const tail = postgresLogTail({ storage, connection: database.url, slot: database.name });
  await tail.prepare();
  const bare = await Bare.create(pool, database);
  const stamps = new Stamps();
  const relay = outboxRelay({ source: tail, broker: stamps });
  await measureRates({ pool, storage, relay, bare, appendTo });
  await measureLatencies({ database, storage, relay, bare, stamps, appendTo });
  await tail.drop();
  await bare.drop(pool);
  await pool.end();
}
await server.stop();
