/**
 * An outbox on a real Postgres whose log is read, and what the tests do to it from outside.
 *
 * @module
 */

import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import assert from "node:assert/strict";
import {
  type LogTailEvent,
  type PostgresLogTail,
  postgresLogTail,
  type PostgresLogTailOptions,
} from "../../../src/storage/postgres_log/mod.ts";
import type { PostgresServer } from "../../services/postgres.ts";
import { Noted } from "./messages.ts";
import { type PostgresOutbox, postgresOutbox } from "./postgres_outbox.ts";

/** An outbox in a database of its own, with a slot of its own. */
export interface PostgresLog extends PostgresOutbox {
  readonly slot: string;
  readonly tail: PostgresLogTail;
  /** What has happened to the connections of all tails. */
  readonly events: readonly LogTailEvent[];
  /** Another tail on the same slot, as another process has one. */
  tailWith(options: Partial<PostgresLogTailOptions>): PostgresLogTail;
  /** What the server says about the slot. */
  look(): Promise<Slot>;
  /** Resolves when it says something else than before that satisfies a condition. */
  until(condition: (slot: Slot) => boolean): Promise<Slot>;
  /** Ends the process of the server that reads the slot, if there is one; whether there was. */
  cut(): Promise<boolean>;
}

/** A slot as the server sees it. */
export interface Slot {
  readonly active: boolean;
  readonly confirmed: bigint;
  /** Where its log ends now. */
  readonly end: bigint;
  /** What its process waits for. */
  readonly waits: string | null;
  /** Up to where the log was sent. */
  readonly sent: bigint;
}

/** Makes a database with an outbox, and a slot that is removed with it. */
export async function postgresLog(
  server: PostgresServer,
  appendTo: "table" | "log",
): Promise<PostgresLog> {
  const outbox = await postgresOutbox(server);
  const { pool, url } = outbox;
  const storage = postgresStorage(fromPg(pool), { appendTo });
  const slot = new URL(url).pathname.slice(1);
  const events: LogTailEvent[] = [];
  const tailWith = (options: Partial<PostgresLogTailOptions>) =>
    postgresLogTail({
      storage,
      connection: url,
      slot,
      observer: (event) => events.push(event),
      ...options,
    });
  const tail = tailWith({});
  await tail.prepare();
  const numbers = new Map<string, number>();
  const look = async (): Promise<Slot> => {
    const { rows: [row] } = await pool.query(
      `select s.active, s.confirmed_flush_lsn - '0/0' as confirmed,
  pg_current_wal_flush_lsn() - '0/0' as end, a.wait_event as waits, r.sent_lsn - '0/0' as sent
from pg_replication_slots s left join pg_stat_activity a on a.pid = s.active_pid
  left join pg_stat_replication r on r.pid = s.active_pid
where s.slot_name = $1`,
      [slot],
    );
    const { active, confirmed, end, waits, sent } = row;
    return {
      active,
      waits,
      confirmed: BigInt(confirmed),
      end: BigInt(end),
      sent: BigInt(sent ?? 0),
    };
  };
  return {
    ...outbox,
    storage,
    slot,
    tail,
    events,
    tailWith,
    look,
    async until(condition) {
      for (;;) {
        const found = await look();
        if (condition(found)) return found;
        await pool.query("select pg_sleep(0.01)");
      }
    },
    async cut() {
      const { rows } = await pool.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots
where slot_name = $1 and active`,
        [slot],
      );
      return rows.length > 0;
    },
    async fill(keys, count) {
      for (let i = 0; i < count; i++) {
        for (const key of keys) {
          const n = numbers.get(key) ?? 0;
          numbers.set(key, n + 1);
          await storage.outbox.store([Noted({ key, n })]);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        await tail.drop();
        const { rows } = await pool.query(
          "select slot_name from pg_replication_slots where database = current_database()",
        );
        assert.deepEqual(rows, []);
      } finally {
        await outbox[Symbol.asyncDispose]();
      }
    },
  };
}
