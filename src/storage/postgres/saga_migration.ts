import type { PostgresNames } from "./names.ts";

/** Names compare byte by byte: that is fast, and the same in every database. */
const TEXT = `text collate "C"`;

/**
 * A saga is written with each of its steps, in the page in which it stands. Pages keep no room for that:
 * they are filled while their sagas run, and what is old in a full page makes room for what is new.
 * Tables are analyzed seldom, and keep their size, so that no plan is made for a table of a few rows
 * that is a large one a moment later.
 */
const SETTINGS = `
  vacuum_truncate = false,
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_threshold = 10000`;

/**
 * Sagas, their logs, and their mailboxes. Nothing refers to a saga by a foreign key, as that takes a
 * look and a lock for each row of a log.
 *
 * What changes with each step stands in no index, so that such a write touches none; and no index has
 * a condition, as each write would have to make it ready. `due_at` of a saga that has ended is when it
 * did, as it is purged by that. Otherwise it is when the saga could be claimed by whoever looks for
 * those that are due, or earlier: so whoever reads it looks at `until`, `resume_at`, `not_before` and
 * `is_parked` as well.
 *
 * A log has fewer rows than entries: the step that a saga begins with is `first` of the saga, and the step
 * that is begun with the same checkpoint as an entry is `next` of that, the entry behind it.
 */
export function sagaMigration(names: PostgresNames): readonly string[] {
  return [...sagaTable(names), ...logTables(names)];
}

function sagaTable({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("saga")} (
  id ${TEXT} primary key,
  position bigint generated always as identity,
  name ${TEXT} not null,
  version bigint not null,
  status ${TEXT} not null,
  is_parked boolean not null default false,
  has_ended boolean not null,
  revision integer not null default 1,
  attempts integer not null default 0,
  signals integer not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  until timestamptz,
  resume_at timestamptz,
  not_before timestamptz,
  due_at timestamptz,
  owner text,
  parked_reason text,
  error text,
  first text,
  context json not null,
  metadata json not null
) with (${SETTINGS.trim()})`,
    `create index if not exists ${index("saga_state")}
  on ${table("saga")} (is_parked, status, position)`,
    `create index if not exists ${index("saga_due")}
  on ${table("saga")} (has_ended, due_at)`,
  ];
}

/** Logs, mailboxes, and how many signals came late, which is one row. */
function logTables({ table }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("saga_late")} (
  id integer primary key,
  count bigint not null
) with (fillfactor = 50)`,
    `create table if not exists ${table("saga_log")} (
  saga ${TEXT} not null,
  number integer not null,
  attempt integer not null,
  at timestamptz not null,
  action text not null,
  status text not null,
  step text,
  part text,
  error text,
  next text,
  result json,
  primary key (saga, number)
) with (vacuum_truncate = false, autovacuum_analyze_threshold = 10000)`,
    `create table if not exists ${table("saga_signal")} (
  saga ${TEXT} not null,
  id ${TEXT} not null,
  position bigint generated always as identity,
  at timestamptz not null,
  name text not null,
  data json,
  primary key (saga, id)
) with (${SETTINGS.trim()})`,
  ];
}
