/**
 * A consumer whose handler writes down what it did, in a table of its transaction.
 *
 * @module
 */

import { bootstrap, handlers } from "@sluice/cqrs";
import { type EventConsumer, eventConsumer } from "@sluice/cqrs/consumer";
import { transactional } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { killingPostgres, type Step } from "../outbox/kill_points.ts";
import { Noted } from "../outbox/messages.ts";
import { httpSource } from "./http_source.ts";

/** The table that the handler writes into: a row for each time that it took effect. */
export const EFFECTS = `create table effect (
  id bigint generated always as identity, key text not null, n integer not null)`;

/** How a consumer behaves. */
export interface EffectsTask {
  readonly database: string;
  readonly server: string;
  readonly batchSize?: number;
  /** The message at which it fails once, as "key n". */
  readonly failsOnceAt?: string;
  /** The key of the messages that end the process. */
  readonly poison?: string;
}

/** A consumer, and what closes its connections. */
export interface EffectsConsumer {
  readonly consumer: EventConsumer;
  close(): Promise<void>;
}

/** Makes a consumer. Each call to the world outside is a step. */
export function effectsConsumer(task: EffectsTask, step: Step): EffectsConsumer {
  const pool = new pg.Pool({ connectionString: task.database, max: 8 });
  pool.on("error", () => {});
  const storage = postgresStorage(killingPostgres(fromPg(pool), step));
  let { failsOnceAt } = task;
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Noted, async ({ key, n }, { tx: { client } }) => {
      await step(() => client.query("insert into effect (key, n) values ($1, $2)", [key, n]));
      if (task.poison !== undefined) await withPoison(client, key === task.poison);
      if (failsOnceAt !== `${key} ${n}`) return;
      failsOnceAt = undefined;
      throw new Error("This once");
    }),
  );
  const consumer = eventConsumer({
    source: httpSource(task.server, step),
    topics: [Noted.topic],
    app,
    storage,
    consumer: "crashing",
    batchSize: task.batchSize ?? 1,
    retry: { backoff: () => 1 },
  });
  return { consumer, close: () => pool.end() };
}

/** Whatever is handled at the same time is still under way when the process ends. */
async function withPoison(client: pg.PoolClient, isPoison: boolean): Promise<void> {
  await client.query("select pg_sleep($1)", [isPoison ? 0.1 : 0.3]);
  if (!isPoison) return;
  Deno.kill(Deno.pid, "SIGKILL");
  await new Promise(() => {});
}
