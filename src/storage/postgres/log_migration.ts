import type { PostgresNames } from "./names.ts";

/** The slots by which the log is read, and who does so. */
export function logMigration({ table }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("outbox_log")} (
  slot text collate "C" primary key,
  owner text collate "C" references ${table("outbox_relay")} on delete set null,
  settled text[] not null default '{}',
  base bigint not null default 0
) with (fillfactor = 50)`,
  ];
}
