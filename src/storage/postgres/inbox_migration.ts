import type { PostgresNames } from "./names.ts";

/** Names compare byte by byte: that is fast, and the same in every database. */
const TEXT = `text collate "C"`;

/**
 * What consumers have handled, what they have given up, and the keys of what is done once. What is purged
 * by its age is found by an index of a few pages, as all of it comes in the order of time.
 */
export function inboxMigration({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("inbox")} (
  consumer ${TEXT} not null,
  id ${TEXT} not null,
  starts integer not null,
  handled_at timestamptz,
  touched_at timestamptz not null,
  primary key (consumer, id)
)`,
    `create index if not exists ${index("inbox_touched")}
  on ${table("inbox")} using brin (touched_at) with (pages_per_range = 16, autosummarize = on)`,
    `create table if not exists ${table("inbox_key")} (
  scope ${TEXT} not null,
  key ${TEXT} not null,
  fingerprint text not null,
  owner text not null,
  until timestamptz not null,
  answer bytea,
  touched_at timestamptz not null,
  primary key (scope, key)
)`,
    `create index if not exists ${index("inbox_key_touched")}
  on ${table("inbox_key")} using brin (touched_at) with (pages_per_range = 16, autosummarize = on)`,
    `create table if not exists ${table("inbox_dead")} (
  position bigint generated always as identity primary key,
  consumer ${TEXT} not null,
  id ${TEXT} not null,
  attempts integer not null,
  error text not null,
  died_at timestamptz not null,
  envelope bytea not null
)`,
    `create index if not exists ${index("inbox_dead_id")} on ${table("inbox_dead")} (consumer, id)`,
  ];
}
