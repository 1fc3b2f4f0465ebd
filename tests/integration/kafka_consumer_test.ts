import { bootstrap, handlers, notification, type Publisher, type } from "@sluice/cqrs";
import { type ConsumerEvent, eventConsumer } from "@sluice/cqrs/consumer";
import { outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { tryStartKafka } from "../services/kafka.ts";
import { startPostgres } from "../services/postgres.ts";
import { kafkaClients } from "./kafka/clients.ts";

const options = { sanitizeOps: false, sanitizeResources: false };
const KEYS = ["ada", "bob", "cleo", "dan", "eve"];
const EACH = 40;

const kafka = await tryStartKafka();
const postgres = kafka === undefined ? undefined : await startPostgres();

if (kafka !== undefined && postgres !== undefined) {
  Deno.test.afterAll(async () => {
    await kafka.stop();
    await postgres.stop();
  });

  for (const client of kafkaClients) {
    Deno.test(
      `${client.name}: from outbox to inbox, on Postgres at both ends, each message takes effect once, in order, and a poison one stops no other key`,
      options,
      async () => {
        await using database = await postgres.createDatabase();
        const pool = new pg.Pool({ connectionString: database.url, max: 12 });
        pool.on("error", () => {});
        const topic = await kafka.createTopic();
        const Moved = notification("moved", {
          topic,
          data: type<{ readonly key: string; readonly n: number }>(),
          key: ({ key }) => key,
        });
        const Counted = notification("counted", { topic: "counts", data: type<{ of: string }>() });
        const storage = postgresStorage(fromPg(pool));
        await storage.migrate();
        await pool.query("create table effect (seq serial, key text, n int, trace text)");

        const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (let n = 0; n < EACH; n++) {
          await storage.outbox.store(
            KEYS.map((key) => Moved({ key, n }, { traceparent, correlationId: `walk of ${key}` })),
          );
        }

        const app = bootstrap(
          handlers().use(transactional(storage)).on(
            Moved,
            async ({ key, n }, { tx, emit, metadata }) => {
              await tx.client.query("insert into effect (key, n, trace) values ($1, $2, $3)", [
                key,
                n,
                metadata.traceparent,
              ]);
              emit(Counted({ of: key }));
              if (key === "bob" && n === 7) throw new Error("Poison");
            },
          ),
        );
        const events: ConsumerEvent[] = [];
        const all = Promise.withResolvers<void>();
        const ends = () =>
          events.filter(({ type }) => type === "handled" || type === "dead_lettered");
        await using source = client.source(kafka.bootstrap, { groupId: crypto.randomUUID() });
        const consumers = ["one", "two"].map(() =>
          eventConsumer({
            source,
            topics: [topic],
            app,
            storage,
            consumer: "walks",
            retry: { maxAttempts: 3, backoff: () => 5 },
            observer: (event) => {
              events.push(event);
              const isTwice = events.some(({ type }) => type === "duplicate");
              if (isTwice && ends().length === KEYS.length * EACH) all.resolve();
            },
          })
        );
        const running = consumers.map((consumer) => consumer.run());
        await using broker = client.publisher(kafka.bootstrap);
        // It says some of it twice.
        const twice: Publisher = {
          keepsOrderOnFailure: true,
          publish: async (messages, options) => {
            const [first] = messages;
            const all = first === undefined ? [] : [...messages, first];
            return (await broker.publish(all, options)).slice(0, messages.length);
          },
          async [Symbol.asyncDispose]() {},
        };
        const relay = outboxRelay({ storage, broker: twice, topics: [topic] });
        await relay.tick({ budgetMs: 60_000 });
        await all.promise;
        for (const run of running) await run[Symbol.asyncDispose]();

        const { rows } = await pool.query("select key, n, trace from effect order by seq");
        for (const key of KEYS) {
          const wanted = Array.from({ length: EACH }, (_, n) => n)
            .filter((n) => key !== "bob" || n !== 7);
          assert.deepEqual(rows.filter((row) => row.key === key).map(({ n }) => n), wanted, key);
        }
        assert.equal(rows.every(({ trace }) => trace === traceparent), true);
        const dead = await storage.inbox.deadLetters.list();
        assert.deepEqual(
          dead.map(({ envelope, attempts, error }) => [
            envelope.correlationId,
            attempts,
            error,
          ]),
          [["walk of bob", 3, "Error: Poison"]],
        );
        const { rows: [outbox] } = await pool.query(
          "select count(*)::int as count from sluice_outbox where topic = 'counts'",
        );
        assert.equal(outbox.count, KEYS.length * EACH - 1);
        await storage[Symbol.asyncDispose]();
        await pool.end();
      },
    );
  }
}
