import { type Clock, systemClock } from "../../clock.ts";
import type { PostgresClient } from "./client.ts";
import { type ListeningConnection, reconnectingListen } from "./listener.ts";
import { Pause } from "./postgres_js_loss.ts";
import { type PostgresJsQueryable, type PostgresJsSql, rowsOf, start } from "./postgres_js_sql.ts";
import { begin } from "./postgres_js_transaction.ts";
import { sqlStateOf } from "./sql_state.ts";

/** The handle of a transaction of postgres.js: `TransactionSql`. */
export type PostgresJsHandle<S> = S extends
  { begin(options: string, run: (sql: infer T) => never): unknown } ? T : never;

/** How {@linkcode fromPostgresJs} uses the driver. */
export interface PostgresJsOptions {
  /** Waits while the driver gets over the loss of a connection. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * Makes a client of the `sql` of postgres.js, version 3.
 *
 * What users of postgres.js have to know:
 *
 * - Statements are prepared, unless the driver was given `prepare: false`, which some poolers between
 *   the application and the database demand.
 * - If a connection is lost while a statement runs, the driver (3.4.9) lets the next one on it fail
 *   with the same error, `57P01`, without sending it. Here it is run again then; a statement that the
 *   application gives to `sql` itself is the application's to repeat.
 * - If a transaction loses its connection, its handle must not be used any more: the driver would run
 *   the statement outside of any transaction, or lose the connection for good. So the handle that is
 *   given out here throws then; that of `sql.savepoint()` does not.
 * - A transaction in which a statement has failed is rolled back, also if the error was caught; only
 *   `sql.savepoint()` can contain it.
 * - {@linkcode PostgresClient.listen} takes one connection more, for all channels.
 * - When the server is away, the driver waits longer before each attempt to connect, up to 20 s. It counts
 *   the attempts of all connections together, and a statement that it has given to one waits with it, also
 *   when others are connected again. Its option `backoff: () => 0.1`, in seconds, keeps that short.
 * - A statement that is given to `sql` when a connection has just broken may be neither sent nor
 *   rejected. Here statements are kept back for that moment; for its own, an application should set
 *   time limits. End `sql` with a `timeout`, as otherwise it may wait for such a statement, and keep
 *   `connect_timeout` short, as so long its connection may hang.
 */
export function fromPostgresJs<S extends PostgresJsSql>(
  sql: S,
  options?: PostgresJsOptions,
): PostgresClient<PostgresJsHandle<S>>;
export function fromPostgresJs(
  sql: PostgresJsSql,
  { clock = systemClock }: PostgresJsOptions = {},
): PostgresClient<PostgresJsQueryable> {
  const pause = new Pause(clock);
  return {
    query: (text, parameters) =>
      untilSent(sql, pause, async (onSent) => {
        const pending = start(sql, text, parameters);
        try {
          return rowsOf(await pending, sql.options);
        } catch (error) {
          if (pending.state !== null) onSent();
          throw error;
        }
      }),
    transaction: (run) =>
      untilSent(sql, pause, (onBegin) => begin(sql, run, { onBegin, pause, clock })),
    join: (client) => ({
      client,
      query: async (text, parameters) => rowsOf(await start(client, text, parameters), sql.options),
    }),
    // The driver connects again by itself.
    listen: reconnectingListen(
      (channel, onNotify) => listenOn(sql, channel, onNotify),
      systemClock,
    ),
  };
}

/** By which errors a session ends that has lasted for a while. */
const ENDS: readonly (string | undefined)[] = ["57P01", "57P02", "57P05", "25P03", "25P04"];

/** Does something, and again for each connection that fails with the error which ended it before. */
async function untilSent<R>(
  { options }: PostgresJsSql,
  pause: Pause,
  work: (onSent: () => void) => Promise<R>,
): Promise<R> {
  for (let attempt = 1;; attempt++) {
    let isSent = false;
    const pausing = pause.over();
    if (pausing !== undefined) await pausing;
    try {
      return await work(() => {
        isSent = true;
      });
    } catch (error) {
      pause.note(error);
      if (isSent || attempt > options.max || !ENDS.includes(sqlStateOf(error))) throw error;
    }
  }
}

async function listenOn(
  sql: PostgresJsSql,
  channel: string,
  onNotify: () => void,
): Promise<ListeningConnection> {
  let state: "opening" | "open" | "closed" = "opening";
  const notify = () => {
    if (state === "open") onNotify();
  };
  const { unlisten } = await sql.listen(channel, notify, notify);
  state = "open";
  return {
    lost: new Promise(() => {}),
    async close() {
      state = "closed"; // as the driver forgets what to remove when it connects again
      await unlisten().catch(() => {});
    },
  };
}
