// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import type { OutboxSession, OutboxStore, Storage } from "../../src/storage/mod.ts";
import { fromPg, type PostgresStorage } from "../../src/storage/postgres/mod.ts";
import type { PostgresTransaction } from "../../src/storage/postgres/open_transaction.ts";
import { postgresLogTail } from "../../src/storage/postgres_log/mod.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";
import { postgresHarness } from "./postgres_harness.ts";

type Tx = PostgresTransaction<pg.PoolClient>;

/** A storage in a schema of its own, whose sessions read the log through one slot. */
export async function postgresLogHarness(
  url: string,
  appendTo: "table" | "log",
): Promise<StorageHarness<Tx>> {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on("error", () => {});
  const harness = await postgresHarness(fromPg(pool), { isConcurrent: true, appendTo });
  const sessions: OutboxSession[] = [];
  const slot = `case_${crypto.randomUUID().replaceAll("-", "")}`;
  const tailing = (storage: PostgresStorage<pg.PoolClient>): Storage<Tx> => {
    const tail = tailOf(storage);
    return {
      outbox: withSessions(storage.outbox, (options) => {
        const session = tail.open(options);
        sessions.push(session);
        return session;
      }),
      inbox: storage.inbox,
      sagas: storage.sagas,
      replay: storage.replay,
      transaction: (run) => storage.transaction(run),
      migrate: () => storage.migrate(),
      [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
    };
  };
  const tailOf = (storage: PostgresStorage<pg.PoolClient>) =>
    postgresLogTail({ storage, connection: url, slot, pollMs: 0, standbyMs: 500 });
  const tail = tailOf(harness.storage);
  await tail.prepare();
  return {
    ...harness,
    storage: tailing(harness.storage),
    open: (options) => tailing(harness.open(options)),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) await session[Symbol.asyncDispose]();
      await tail.drop();
      await harness[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

/** The outbox with other sessions. */
function withSessions(
  outbox: OutboxStore<PostgresTransaction>,
  open: OutboxStore["open"],
): OutboxStore<PostgresTransaction> {
  return {
    deadLetters: outbox.deadLetters,
    append: (tx, messages) => outbox.append(tx, messages),
    store: (messages) => outbox.store(messages),
    wake: () => outbox.wake(),
    subscribe: (onWake) => outbox.subscribe(onWake),
    open,
    statistics: (options) => outbox.statistics(options),
    purge: (options) => outbox.purge(options),
  };
}
