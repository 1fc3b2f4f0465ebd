/**
 * The tail of the log of a Postgres server as a source of `outboxRelay`: what is committed is published
 * about a millisecond later, and nothing asks the database again and again. Messages can stand in the
 * log alone, in no table. It uses `pg-logical-replication`, which is why it is apart from
 * `@sluice/cqrs/postgres`.
 *
 * @example A relay that asks for nothing
 * ```ts ignore
 * import { outboxRelay } from "@sluice/cqrs/outbox";
 * import { postgresLogTail } from "@sluice/cqrs/postgres-log";
 *
 * const source = postgresLogTail({ storage, connection: "postgres://localhost/app" });
 * await source.prepare(); // a slot and a publication, once
 * const running = outboxRelay({ source, broker }).run();
 * ```
 *
 * @module
 */

export type { LogTailEvent } from "./log_reader.ts";
export {
  type LogConnectionOptions,
  type LogTailStatus,
  type PostgresLogStorage,
  type PostgresLogTail,
  postgresLogTail,
  type PostgresLogTailOptions,
} from "./postgres_log_tail.ts";
export { SlotLostError } from "./slot_lost_error.ts";
