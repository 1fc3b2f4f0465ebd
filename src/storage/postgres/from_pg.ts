import { type Clock, systemClock } from "../../clock.ts";
import { concurrencyLimit } from "../../resilience/mod.ts";
import type { PostgresClient } from "./client.ts";
import { type ListeningConnection, reconnectingListen } from "./listener.ts";
import {
  type PgClient,
  type PgConnection,
  pgConnection,
  type PgNotification,
  type PgResult,
  type PgStatement,
  pgStatement,
  rowsOf,
} from "./pg_connection.ts";
import { runTransaction, type TransactionSteps } from "./transaction_scope.ts";

/** What {@linkcode fromPg} needs of a `Pool` of `pg`. */
export interface PgPool {
  /** How many connections it has: a `Client` has no such member. */
  readonly totalCount: number;
  /** Takes a connection out of the pool. */
  connect(): Promise<PgPoolClient>;
  /** Runs a statement on any connection. */
  query(statement: PgStatement): Promise<PgResult>;
}

/** What {@linkcode fromPg} needs of a connection that was taken out of a pool. */
export interface PgPoolClient extends PgClient {
  /** Puts it back, or destroys it. */
  release(destroy?: boolean): void;
}

/** How {@linkcode fromPg} uses the driver. */
export interface PgOptions {
  /**
   * Whether statements are prepared, under names that begin with `sluice_`: the database parses each
   * once for each connection, and the driver has a third less to do. Not every pooler between the
   * application and the database can do that: PgBouncer from 1.21 on.
   *
   * @default {false}
   */
  readonly prepare?: boolean | undefined;
  /** Waits before it connects again to listen. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** The handle of a transaction: `PoolClient` of a `Pool`, else what was given. */
export type PgHandle<P> = P extends { readonly totalCount: number }
  ? P extends { connect(use: (error: never, client: infer C, ...rest: never[]) => void): void }
    ? NonNullable<C>
  : never
  : P;

/**
 * Makes a client of a `Pool` of `pg`, which should be what an application has, or of a single
 * connected `Client`. Neon's `Pool` is one too.
 *
 * What users of `pg` have to know:
 *
 * - A pool or client without a listener for `error` ends the process when a connection breaks:
 *   `pool.on("error", …)` is the application's to do. Connections that are taken out of the pool
 *   here have one for as long as that lasts.
 * - A `Client` has one connection, so transactions and other statements wait for each other. Within a
 *   transaction, a statement outside of it would wait forever. And it cannot connect again.
 * - {@linkcode PostgresClient.listen} keeps one connection of the pool for each channel.
 * - With `pipeline: true` in the options of the pool, the statements of a transaction are sent
 *   without waiting for the one before.
 *
 * @example A storage on a pool
 * ```ts ignore
 * import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
 * import { Pool } from "pg";
 *
 * const pool = new Pool({ connectionString: "postgres://localhost/app" });
 * pool.on("error", (error) => console.error("A connection broke", error));
 * const storage = postgresStorage(fromPg(pool, { prepare: true }));
 * ```
 */
export function fromPg<P extends PgPool | PgClient>(
  pool: P,
  options?: PgOptions,
): PostgresClient<PgHandle<P>>;
export function fromPg(
  pool: PgPool | PgClient,
  { prepare = false, clock = systemClock }: PgOptions = {},
): PostgresClient<PgClient> {
  const connect = (client: PgClient) => pgConnection(client, prepare);
  const join = (client: PgClient) => ({ client, query: connect(client).query });
  return isPool(pool)
    ? { ...fromPool(pool, prepare, clock), join }
    : { ...fromClient(pool, prepare, clock), join };
}

function isPool(pool: PgPool | PgClient): pool is PgPool {
  return "totalCount" in pool;
}

function fromPool(pool: PgPool, prepare: boolean, clock: Clock): WithoutJoin {
  return {
    async query(text, parameters = []) {
      return rowsOf(await pool.query(pgStatement(text, parameters, prepare)));
    },
    async transaction(run) {
      const client = await pool.connect();
      client.on("error", ignore); // else it would end the process
      let isBroken = false;
      const onBroken = () => {
        isBroken = true;
      };
      try {
        return await runTransaction(steps(client, pgConnection(client, prepare), onBroken), run);
      } finally {
        client.release(isBroken);
        client.removeListener("error", ignore);
      }
    },
    listen: reconnectingListen(async (channel, onNotify) => {
      const client = await pool.connect();
      const { run } = pgConnection(client, prepare);
      return await listenOn(client, run, (isBroken) => client.release(isBroken), channel, onNotify);
    }, clock),
  };
}

function fromClient(client: PgClient, prepare: boolean, clock: Clock): WithoutJoin {
  const turns = concurrencyLimit(1);
  const connection = pgConnection(client, prepare);
  const run = (text: string) => turns.run(() => connection.run(text));
  return {
    query: (text, parameters) => turns.run(() => connection.query(text, parameters)),
    transaction: (run) => turns.run(() => runTransaction(steps(client, connection, ignore), run)),
    listen: reconnectingListen(async (channel, onNotify) => {
      const { close } = await listenOn(client, run, ignore, channel, onNotify);
      return { close, lost: new Promise(() => {}) }; // such a client never connects again
    }, clock),
  };
}

type WithoutJoin = Omit<Required<PostgresClient<PgClient>>, "join">;

function steps(
  client: PgClient,
  { query, run }: PgConnection,
  onBroken: () => void,
): TransactionSteps<PgClient> {
  return {
    client,
    query,
    begin: () => run("begin"),
    commit: async () => await run("commit") === "COMMIT",
    rollback: () => run("rollback"),
    onBroken,
  };
}

/** Listens on a connection, which `release` gets back. */
async function listenOn(
  client: PgClient,
  run: (text: string) => Promise<unknown>,
  release: (isBroken: boolean) => void,
  channel: string,
  onNotify: () => void,
): Promise<ListeningConnection> {
  const name = `"${channel.replaceAll('"', '""')}"`;
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const onLost = () => resolve();
  const onNotification = (notification: PgNotification) => {
    if (notification.channel === channel) onNotify();
  };
  client.on("error", onLost);
  client.on("end", onLost);
  client.on("notification", onNotification);
  const letGo = (isBroken: boolean) => {
    client.removeListener("notification", onNotification);
    client.removeListener("end", onLost);
    release(isBroken);
    client.removeListener("error", onLost);
  };
  try {
    await run(`listen ${name}`);
  } catch (error) {
    letGo(true);
    throw error;
  }
  return { lost, close: () => run(`unlisten ${name}`).then(() => letGo(false), () => letGo(true)) };
}

function ignore(): void {}
