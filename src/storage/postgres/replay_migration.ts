import type { PostgresNames } from "./names.ts";

/**
 * Where replay logs find each other and talk. All of it is short-lived: what belongs to a node goes
 * with it. Conversations do not outlive a crash of the server, so they are not written to its log:
 * whoever reads comes back, and finds the run.
 */
export function replayMigration({ table, index }: PostgresNames): readonly string[] {
  return [
    `create table if not exists ${table("replay_node")} (
  node text collate "C" primary key,
  until timestamptz not null
) with (fillfactor = 50)`,
    `create table if not exists ${table("replay_run")} (
  run text collate "C" primary key,
  owner text not null,
  node text collate "C" not null references ${table("replay_node")} on delete cascade
)`,
    `create index if not exists ${index("replay_run_node")} on ${table("replay_run")} (node)`,
    `create unlogged table if not exists ${table("replay_link")} (
  link text collate "C" primary key,
  node text collate "C" not null references ${table("replay_node")} on delete cascade,
  origin text collate "C" not null references ${table("replay_node")} on delete cascade,
  ask text not null
) with (fillfactor = 50)`,
    `create index if not exists ${index("replay_link_node")} on ${table("replay_link")} (node)`,
    `create index if not exists ${index("replay_link_origin")} on ${table("replay_link")} (origin)`,
    `create unlogged table if not exists ${table("replay_answer")} (
  link text collate "C" not null references ${table("replay_link")} on delete cascade,
  number integer not null,
  body text not null,
  primary key (link, number)
)`,
  ];
}
