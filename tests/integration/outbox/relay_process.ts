/**
 * A relay in a process of its own, for tests that stop, freeze and kill it. It publishes to a ledger.
 *
 * @module
 */

import { type Publisher, systemClock } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay, type RelayEvent } from "@sluice/cqrs/outbox";
import { fromPg, type PostgresClient, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { postgresLogTail } from "../../../src/storage/postgres_log/mod.ts";
import { killingKv, killingPostgres, killPoints } from "./kill_points.ts";
import { ledgerPublisher } from "./ledger_publisher.ts";

/** What a test tells the process, as JSON in its first argument. */
export interface RelayTask {
  readonly name: string;
  /** The address of a Postgres, or the path of a KV file. */
  readonly database: string;
  readonly ledger: string;
  /** Whether it runs until it is told to stop, or does one tick. */
  readonly isRunning?: boolean;
  /** Dies at the so manieth step, counted from 1. */
  readonly killAt?: number;
  readonly leaseMs?: number;
  readonly batchSize?: number;
  readonly topics?: readonly string[];
  /** The slot by which it reads the log of the database. @default none: it reads the tables alone */
  readonly slot?: string;
  readonly retryDelayMs?: number;
  /** How far its clock is off, in milliseconds. */
  readonly clockSkewMs?: number;
}

const task: RelayTask = JSON.parse(Deno.args[0] ?? "{}");
const { clockSkewMs = 0 } = task;
if (clockSkewMs !== 0) {
  const now = Date.now;
  Date.now = () => now() + clockSkewMs;
}

const step = killPoints(task.killAt ?? Infinity);

/** Publishing is a step too. */
function stepping(publisher: Publisher): Publisher {
  return { ...publisher, publish: (...args) => step(() => publisher.publish(...args)) };
}

function postgresOf(url: string) {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on("error", () => {}); // its server may be restarted by the test
  const client: PostgresClient<pg.PoolClient> = fromPg(pool);
  const storage = postgresStorage(killingPostgres(client, step));
  const { slot } = task;
  const source = slot && postgresLogTail({ storage, connection: url, slot, standbyMs: 100 });
  return { storage, ...(source ? { source } : {}), close: () => pool.end() };
}

async function kvOf(path: string) {
  const kv = await Deno.openKv(path);
  return { storage: denoKvStorage(killingKv(kv, step)), close: () => Promise.resolve(kv.close()) };
}

const { close, ...from } = task.database.startsWith("postgres:")
  ? postgresOf(task.database)
  : await kvOf(task.database);
const say = (line: object) =>
  Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));

const relay = outboxRelay({
  ...from,
  broker: stepping(ledgerPublisher(task.ledger, task.name)),
  batchSize: task.batchSize ?? 10,
  leaseMs: task.leaseMs ?? 30_000,
  retry: { maxAttempts: 5, backoff: () => task.retryDelayMs ?? 600_000 },
  observer: (event: RelayEvent) => {
    if (event.type !== "published") say({ event: event.type, error: String(Object(event).error) });
  },
  clock: systemClock,
  ...(task.topics === undefined ? {} : { topics: task.topics }),
});
say({ event: "started" });
if (task.isRunning === true) {
  const stop = new AbortController();
  Deno.addSignalListener("SIGINT", () => stop.abort());
  await relay.run({ signal: stop.signal, intervalMs: 20 }).done;
} else {
  say({ event: "report", ...await relay.tick({ budgetMs: 60_000 }) });
}
await close();
say({ event: "ended", steps: step.count });
Deno.exit();
