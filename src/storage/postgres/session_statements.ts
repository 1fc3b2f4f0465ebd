import { PARTITIONS } from "../mod.ts";
import { bodyColumns } from "./body_columns.ts";
import type { PostgresNames } from "./names.ts";

/** The texts of the statements of sessions. */
export interface SessionStatements {
  /** Reads the first rows of a pass: owner, topics, partitions, cursors, quota, limit. */
  readonly first: string;
  /** Reads the next rows of a pass: as `first`, and the snapshot of the pass. */
  readonly next: string;
  /** As `next`, of lanes that are not blocked, and without the row before the others. */
  readonly more: string;
  /**
   * As `first`, with rows of lanes whose time has come, and with what there is to know about the
   * outbox: and the topics, lanes and cursors of lanes that are under way, and a text behind all
   * topics.
   */
  readonly survey: string;
  /** As `survey`, of some topics: the last parameter is an array of these. */
  readonly surveyTopics: string;
  /** Registers a session: owner, lease, topics. */
  readonly register: string;
  /** Says that a session lives: owner, lease. */
  readonly keep: string;
  /** Ends sessions that were silent for too long, and so what they held. */
  readonly reap: string;
  /** Takes partitions: owner, topics, partitions. */
  readonly take: string;
  /** Lets partitions go: owner, topics, partitions. */
  readonly release: string;
  /** Ends a session: owner. */
  readonly leave: string;
}

/** How long a session has left, in milliseconds; -1 if it has lost what it held. */
const leftMs = (relay: string) =>
  `coalesce((select least(extract(epoch from until - clock_timestamp()) * 1000, 2e9)::integer
    from ${relay} where owner = $1::text and until > clock_timestamp()), -1)`;

/** The partitions to read, each from its cursor on, numbered from 1. */
const MINE = `select * from unnest($2::text::text[], $3::text::smallint[], $4::text::bigint[])
    with ordinality as p(topic, partition, cursor, pair)`;

/** Makes the texts for tables of these names. */
export function sessionStatements(names: PostgresNames): SessionStatements {
  const relay = names.table("outbox_relay");
  const lease = names.table("outbox_lease");
  return {
    first: `${header(names, "pg_current_snapshot()::text")}
union all (select * from (${freshRows(names, MINE)}) f limit $6::text::integer)`,
    next: `${header(names, "null::text")}
union all (select * from (
  ${freshRows(names, MINE, { condition: VISIBLE })}) f limit $6::text::integer)`,
    more: `${freshRows(names, MINE, { condition: VISIBLE, state: "" })}
where $1::text is not null limit $6::text::integer`,
    survey: survey(names, anyTopics(names)),
    surveyTopics: survey(names, someTopics(names)),
    register: `insert into ${relay} (owner, until, topics)
values ($1::text, clock_timestamp() + $2::text::double precision * interval '1 millisecond',
  $3::text::text[])`,
    keep: `update ${relay}
set until = clock_timestamp() + $2::text::double precision * interval '1 millisecond'
where owner = $1::text and until > clock_timestamp() returning 1 as is_kept`,
    reap: `delete from ${relay} where owner in (
  select owner from ${relay} where until <= clock_timestamp() for update skip locked)`,
    take: `with me as materialized (
  select from ${relay} where owner = $1::text and until > clock_timestamp() for key share)
insert into ${lease} (topic, partition, owner)
select t, p, $1::text from unnest($2::text::text[], $3::text::smallint[]) as u(t, p)
where exists (select from me) order by t, p
on conflict do nothing returning topic, partition::integer as partition`,
    release: `delete from ${lease} l
using unnest($2::text::text[], $3::text::smallint[]) as u(t, p)
where l.topic = u.t and l.partition = u.p and l.owner = $1::text`,
    leave: `delete from ${relay} where owner = $1::text`,
  };
}

/** How large the queue is: a number of pages. */
export function queuePages({ table }: PostgresNames): string {
  const name = table("outbox").replaceAll("'", "''");
  return `(pg_relation_size('${name}') / ${PAGE_BYTES})::text`;
}

/** What nearly all servers are built with; it does not matter much. */
const PAGE_BYTES = 8_192;

/**
 * One row before the others, in the same columns: how long the session has left; in place of an id a
 * number that changes with the sessions that there are; in place of a key how large the queue is; and
 * something else.
 */
function header(names: PostgresNames, attributes: string): string {
  const relay = names.table("outbox_relay");
  return `select 0 as pair, null::text as position, ${leftMs(relay)} as state,
  ${queuePages(names)} as key,
  (select sum(hashtext(owner))::text from ${relay}) as id, null::text as type,
  ${attributes} as attributes, null::text as bytes,
  null::text as text`;
}

/**
 * What a pass sees: what was committed when it began. Rows that came here by a dump have the numbers
 * of transactions that this server has not reached; those are older than all.
 */
const VISIBLE = `and (pg_visible_in_snapshot(o.xid, (select $7::text::pg_snapshot))
      or o.xid >= pg_snapshot_xmax(pg_current_snapshot()))`;

/** 1 if the lane of a row is blocked: then it belongs elsewhere. */
const stateOf = ({ table }: PostgresNames) =>
  `case when o.key is not null and exists (
      select from ${table("outbox_lane")} l where l.topic = p.topic and l.lane = '=' || o.key
    ) then 1 else 0 end`;

/** Rows of the queue. */
function freshRows(
  names: PostgresNames,
  mine: string,
  { condition = "", state = `${stateOf(names)} as state,` } = {},
): string {
  return `select p.pair::integer as pair, o.position::text as position, ${state}
    o.key, o.id, o.type, o.attributes::text as attributes, ${bodyColumns("o")}
  from (${mine}) p cross join lateral (
    select * from ${names.table("outbox")} o
    where o.topic = p.topic and o.partition = p.partition and o.position > p.cursor ${condition}
    order by o.position limit $5::text::integer
  ) o`;
}

/**
 * Rows of lanes whose time has come, up to the next dead letter that parks the lane. The state is 2
 * and the attempts; or -2 if a lane has none, and then its name stands in place of an id.
 */
function dueRows({ table }: PostgresNames): string {
  const lane = table("outbox_lane");
  return `select l.pair::integer, w.position::text,
    case when w.position is null then -2 else w.attempts + 2 end as state,
    w.key, coalesce(w.id, l.lane) as id, w.type, w.attributes::text, ${bodyColumns("w")}
  from (
    select p.pair, l.topic, l.lane, 0::bigint as cursor
    from mine p cross join lateral (
      select l.topic, l.lane from ${lane} l
      where l.topic = p.topic and l.partition = p.partition
        and l.retry_at <= statement_timestamp()
        and not exists (select from busy b where b.topic = l.topic and b.lane = l.lane)
      order by l.retry_at limit $6::text::integer
    ) l
    union all
    select p.pair, l.topic, l.lane, b.cursor
    from busy b join ${lane} l on l.topic = b.topic and l.lane = b.lane
      join mine p on p.topic = l.topic and p.partition = l.partition
    where l.retry_at <= statement_timestamp()
  ) l left join lateral (
    select * from ${table("outbox_waiting")} w
    where w.topic = l.topic and w.lane = l.lane and w.position > l.cursor
      and w.position < coalesce((select min(d.position) from ${table("outbox_dead")} d
        where d.topic = l.topic and d.lane = l.lane and d.parks), ${MAX_BIGINT})
    order by w.position limit $6::text::integer
  ) w on true
  where w.position is not null or l.cursor = 0`;
}

const MAX_BIGINT = "9223372036854775807";

/** Which topics have partitions that nobody holds, and what else decides about shares. */
interface TopicSurvey {
  /** Common table expressions: `known`, the topics of which something is held, and others. */
  readonly with: string;
  /** A query of the topics that have something free. */
  readonly open: string;
}

function survey(names: PostgresNames, topics: TopicSurvey): string {
  const relay = names.table("outbox_relay");
  const facts = `json_build_object(
    'snapshot', pg_current_snapshot()::text,
    'relays', (select json_agg(json_build_array(owner, topics)) from ${relay}
      where until > clock_timestamp()),
    'isReapable', exists (select from ${relay} where until <= clock_timestamp()),
    'hasOthers', coalesce((select bool_or(others) from known), false),
    'hasLanes', exists (select from ${names.table("outbox_lane")}),
    'open', (select json_agg(topic) from (${topics.open} limit 1000) t)
  )::text`;
  return `with recursive ${topics.with},
mine as materialized (${MINE}),
busy as materialized (select * from unnest($7::text::text[], $8::text::text[], $9::text::bigint[])
  as b(topic, lane, cursor))
${header(names, facts)}
union all (select * from (
  (${dueRows(names)})
  union all
  (${freshRows(names, "select * from mine")})
) r limit $6::text::integer)`;
}

/**
 * How many gaps between topics are looked into at a time; others are when these are closed. It keeps what
 * the planner expects of the recursion below the cost at which it compiles a statement by default
 * (`jit_above_cost`, 100,000): that took 65 to 130 ms here, for a statement that runs for 1.
 */
const MAX_GAPS = 50;

/**
 * All topics. Those that nobody holds anything of are found in the gaps between the others, without
 * a look at the rows of these: while an old transaction keeps them from being cleaned up, there may
 * be millions of rows that were published already.
 */
function anyTopics(names: PostgresNames): TopicSurvey {
  const { table } = names;
  const nextTopic = (after: string, before: string) =>
    `((select o.topic from ${table("outbox")} o
      where o.topic > ${after} and o.topic < ${before} order by o.topic limit 1)
    union all
    (select l.topic from ${table("outbox_lane")} l
      where l.retry_at is not null and l.topic > ${after} and l.topic < ${before}
      order by l.topic limit 1)
    order by 1 limit 1)`;
  return {
    with: `known as materialized (
  select topic, count(*) as held, bool_or(owner is distinct from $1::text) as others
  from ${table("outbox_lease")} group by topic),
gaps as (
  select topic as after, lead(topic, 1, $10::text) over (order by topic) as before
  from (select topic from known union all select '') t),
fresh(before, topic) as (
  (select g.before, t.topic from gaps g cross join lateral ${nextTopic("g.after", "g.before")} t
    limit ${MAX_GAPS})
  union all
  select f.before, t.topic from fresh f cross join lateral ${nextTopic("f.topic", "f.before")} t)`,
    open: `select topic from fresh
      union all select topic from known where held < ${PARTITIONS}
      union all select '' where not exists (select from known where topic = '')
        and ${hasRows(names, "''")}`,
  };
}

function someTopics(names: PostgresNames): TopicSurvey {
  const { table } = names;
  return {
    with: `asked as materialized (select distinct unnest($10::text::text[]) collate "C" as topic),
known as materialized (
  select topic, count(*) as held, bool_or(owner is distinct from $1::text) as others
  from ${table("outbox_lease")} where topic in (select topic from asked) group by topic)`,
    open: `select topic from known where held < ${PARTITIONS}
      union all
      select a.topic from asked a where not exists (select from known k where k.topic = a.topic)
        and ${hasRows(names, "a.topic")}`,
  };
}

/** Whether a topic has rows that can be published, now or after a while. */
function hasRows({ table }: PostgresNames, topic: string): string {
  return `(exists (select from ${table("outbox")} o where o.topic = ${topic})
      or exists (select from ${table("outbox_lane")} l
        where l.topic = ${topic} and l.retry_at is not null))`;
}
