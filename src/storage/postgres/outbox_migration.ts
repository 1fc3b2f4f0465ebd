import type { PostgresNames } from "./names.ts";

/** Names compare byte by byte: that is fast, and the same in every database. */
const TEXT = `text collate "C"`;

/**
 * What is kept of a message, whichever table it is in. The body is text where its bytes are some in
 * UTF-8, as drivers read that many times faster than bytes, and people too.
 */
const MESSAGE = `key ${TEXT},
  id ${TEXT} not null,
  type ${TEXT} not null,
  attributes json not null,
  body bytea,
  body_text text,
  stored_at timestamptz not null`;

const EXTERNAL =
  `alter column body set storage external, alter column body_text set storage external`;

/**
 * A queue is all turnover: it has to be cleaned before it has grown, and analyzed seldom. It keeps its
 * size: to cut it would lock everybody out, and plans that were made for a large table stay good.
 */
const QUEUE_SETTINGS = `
  vacuum_truncate = false,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 10000`;

/** The tables of the outbox. */
export function outboxMigration(names: PostgresNames): readonly string[] {
  return [
    ...queueTables(names),
    ...leaseTables(names),
    ...laneTables(names),
    ...archiveTables(names),
  ];
}

/** What can be published at once: the smaller this table, the faster. */
function queueTables({ table }: PostgresNames): readonly string[] {
  return [
    // The order of xid and position matters: the transaction has its number before the row has its
    // place, which `LowWater` relies on.
    `create table if not exists ${table("outbox")} (
  topic ${TEXT} not null,
  partition smallint not null,
  xid xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity,
  ${MESSAGE} default clock_timestamp(),
  primary key (topic, partition, position)
) with (${QUEUE_SETTINGS})`,
    // Bodies stay a moment, and are compressed already if they should be.
    `alter table ${table("outbox")} ${EXTERNAL}`,
  ];
}

function leaseTables({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("outbox_relay")} (
  owner ${TEXT} primary key,
  until timestamptz not null,
  topics text[]
) with (fillfactor = 50)`,
    `create table if not exists ${table("outbox_lease")} (
  topic ${TEXT} not null,
  partition smallint not null,
  owner ${TEXT} not null references ${table("outbox_relay")} on delete cascade,
  primary key (topic, partition)
)`,
    `create index if not exists ${index("outbox_lease_owner")}
  on ${table("outbox_lease")} (owner)`,
  ];
}

/** Lanes that are not read from the queue, as something in them failed, and their messages. */
function laneTables({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("outbox_lane")} (
  topic ${TEXT} not null,
  lane ${TEXT} not null,
  partition smallint not null,
  retry_at timestamptz,
  error text,
  changes bigint not null default 0,
  primary key (topic, lane)
) with (fillfactor = 80)`,
    `create index if not exists ${index("outbox_lane_due")}
  on ${table("outbox_lane")} (topic, partition, retry_at) where retry_at is not null`,
    `create table if not exists ${table("outbox_waiting")} (
  topic ${TEXT} not null,
  lane ${TEXT} not null,
  position bigint not null,
  partition smallint not null,
  attempts integer not null,
  ${MESSAGE},
  primary key (topic, lane, position)
)`,
    `alter table ${table("outbox_waiting")} ${EXTERNAL}`,
    `create index if not exists ${index("outbox_waiting_stored")}
  on ${table("outbox_waiting")} (stored_at)`,
  ];
}

/** What has left the queue: dead letters, and published messages where those are kept. */
function archiveTables({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("outbox_dead")} (
  topic ${TEXT} not null,
  lane ${TEXT} not null,
  position bigint not null,
  partition smallint not null,
  attempts integer not null,
  error text not null,
  parks boolean not null,
  died_at timestamptz not null,
  ${MESSAGE},
  primary key (topic, lane, position)
)`,
    `create index if not exists ${index("outbox_dead_died")}
  on ${table("outbox_dead")} (died_at, position)`,
    `create index if not exists ${index("outbox_dead_id")} on ${table("outbox_dead")} (id)`,
    `create index if not exists ${index("outbox_dead_parks")}
  on ${table("outbox_dead")} (topic, lane, position) where parks`,
    `create table if not exists ${table("outbox_published")} (
  topic ${TEXT} not null,
  partition smallint not null,
  position bigint not null,
  published_at timestamptz not null,
  ${MESSAGE},
  primary key (published_at, position)
)`,
  ];
}
