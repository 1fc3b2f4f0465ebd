import type { PostgresNames } from "./names.ts";

/** The texts of the statements of an inbox. */
export interface InboxStatements {
  /** Consumer, ids: for each id its number from 1, whether it is new. */
  readonly record: string;
  /** Consumer, one id that is not long: a row if it is new. */
  readonly recordOne: string;
  /** Consumer, ids: for each id its number from 1, whether it is handled, and how often it was begun. */
  readonly begin: string;
  /** Consumer, id. */
  readonly beginAgain: string;
  /** Consumer, ids. */
  readonly release: string;
  /** Consumer, id, attempts, error, envelope in base 64. */
  readonly bury: string;
  /** Consumer or null, position, limit. */
  readonly list: string;
  /** Consumer, ids. */
  readonly discard: string;
  /** Consumer, id. */
  readonly take: string;
  /** Scope, key, fingerprint, owner, lease in milliseconds: a row if it is claimed, or what is there. */
  readonly claim: string;
  /** Scope, key, owner, answer in base 64. */
  readonly complete: string;
  /** Scope, key, owner. */
  readonly abandon: string;
  /** Age in milliseconds, limit. */
  readonly purge: string;
  /** How far to count. */
  readonly statistics: string;
}

/** An id as it stands in an index, which takes no long ones. */
const shortened = (text: string) =>
  `case when octet_length(${text}) > 1000
    then left(${text}, 200) || encode(sha256(convert_to(${text}, 'UTF8')), 'hex') else ${text} end`;

/** The ids of a parameter, numbered from 1. */
const GIVEN = `given as materialized (
  select n::integer as n, ${shortened("u.id")} collate "C" as id
  from unnest($2::text::text[]) with ordinality as u(id, n))`;

const ONE = shortened("$2::text");

/** Makes the texts. */
export function inboxStatements(names: PostgresNames): InboxStatements {
  return {
    ...recordStatements(names),
    ...startStatements(names),
    ...purgeStatement(names),
    ...deadStatements(names),
    ...keyStatements(names),
  };
}

function recordStatements({ table }: PostgresNames) {
  const inbox = table("inbox");
  const isUnknown = `on conflict (consumer, id) do update
  set starts = 0, handled_at = excluded.handled_at, touched_at = excluded.touched_at
  where i.handled_at is null`;
  return {
    // A message at a time is what most consumers handle, and this takes half the time.
    recordOne: `insert into ${inbox} as i (consumer, id, starts, handled_at, touched_at)
values ($1::text, $2::text, 0, clock_timestamp(), clock_timestamp())
${isUnknown} returning 1 as n`,
    record: `with ${GIVEN},
made as (
  insert into ${inbox} as i (consumer, id, starts, handled_at, touched_at)
  select $1::text, id, 0, clock_timestamp(), clock_timestamp()
  from (select distinct id from given order by id) g
  ${isUnknown} returning id)
select g.n, exists (select from made m where m.id = g.id)
  and not exists (select from given f where f.id = g.id and f.n < g.n) as is_new
from given g`,
  };
}

function startStatements({ table }: PostgresNames) {
  const inbox = table("inbox");
  return {
    begin: `with ${GIVEN},
made as (
  insert into ${inbox} (consumer, id, starts, touched_at)
  select $1::text, id, 1, clock_timestamp() from (select distinct id from given order by id) g
  on conflict do nothing)
select g.n, i.handled_at is not null as is_handled, coalesce(i.starts, 0) as starts
from given g left join ${inbox} i on i.consumer = $1::text and i.id = g.id`,
    beginAgain: `insert into ${inbox} as i (consumer, id, starts, touched_at)
values ($1::text, ${ONE}, 1, clock_timestamp())
on conflict (consumer, id) do update set starts = i.starts + 1, touched_at = excluded.touched_at
where i.handled_at is null`,
    release: `with ${GIVEN},
found as materialized (
  select i.id, i.starts from ${inbox} i
  where i.consumer = $1::text and i.id in (select id from given) and i.handled_at is null
  order by i.id for update),
gone as (
  delete from ${inbox} i using found f
  where i.consumer = $1::text and i.id = f.id and f.starts <= 1)
update ${inbox} i set starts = i.starts - 1 from found f
where i.consumer = $1::text and i.id = f.id and f.starts > 1`,
  };
}

function purgeStatement({ table }: PostgresNames) {
  return {
    purge: `with gone as (
  delete from ${table("inbox")} where ctid = any (array(
    select ctid from ${table("inbox")}
    where touched_at <= clock_timestamp() - $1::text::double precision * interval '1 millisecond'
    limit $2::text::bigint for update skip locked))
  returning 1),
gone_keys as (
  delete from ${table("inbox_key")} where ctid = any (array(
    select ctid from ${table("inbox_key")}
    where touched_at <= clock_timestamp() - $1::text::double precision * interval '1 millisecond'
    limit greatest(0, $2::text::bigint - (select count(*) from gone)) for update skip locked))
  returning 1)
select ((select count(*) from gone) + (select count(*) from gone_keys))::integer as count`,
  };
}

const LETTER = `position::text as position, consumer, attempts, error,
  (extract(epoch from died_at) * 1000)::text as died, encode(envelope, 'base64') as envelope`;

function deadStatements({ table }: PostgresNames) {
  const dead = table("inbox_dead");
  return {
    bury: `insert into ${dead} (consumer, id, attempts, error, died_at, envelope)
values ($1::text, ${ONE}, $3::text::integer, $4::text, clock_timestamp(), decode($5::text, 'base64'))`,
    list: `select ${LETTER} from ${dead}
where ($1::text is null or consumer = $1::text) and position > $2::text::bigint
order by position limit $3::text::integer`,
    discard: `with ${GIVEN},
gone as (
  delete from ${dead} where consumer = $1::text and id in (select id from given) returning 1)
select count(*)::integer as count from gone`,
    take: `delete from ${dead} where position = (
  select position from ${dead} where consumer = $1::text and id = ${ONE} order by position limit 1)
returning ${LETTER}`,
    statistics: `select
  (select count(*) from (select from ${dead} limit $1::text::bigint) d)::integer as count,
  (select (extract(epoch from died_at) * 1000)::text from ${dead} order by position limit 1) as died`,
  };
}

function keyStatements({ table }: PostgresNames) {
  const keys = table("inbox_key");
  const isFree = "k.answer is null and k.until <= clock_timestamp()";
  return {
    claim: `with mine as (
  insert into ${keys} as k (scope, key, fingerprint, owner, until, touched_at)
  values ($1::text, ${ONE}, $3::text, $4::text,
    clock_timestamp() + $5::text::double precision * interval '1 millisecond', clock_timestamp())
  on conflict (scope, key) do update
  set owner = excluded.owner, until = excluded.until, touched_at = excluded.touched_at
  where ${isFree} and k.fingerprint = excluded.fingerprint returning 1)
select 'claimed' as state, null::text as answer, 0 as left_ms from mine
union all
select case when k.fingerprint <> $3::text then 'mismatch'
    when k.answer is not null then 'done' else 'running' end,
  encode(k.answer, 'base64'),
  greatest(1, least(extract(epoch from k.until - clock_timestamp()) * 1000, 2e9))::integer
from ${keys} k
where k.scope = $1::text and k.key = ${ONE} and not exists (select from mine)`,
    complete:
      `update ${keys} set answer = decode($4::text, 'base64'), touched_at = clock_timestamp()
where scope = $1::text and key = ${ONE} and owner = $3::text and answer is null
returning 1 as is_done`,
    abandon: `delete from ${keys}
where scope = $1::text and key = ${ONE} and owner = $3::text and answer is null`,
  };
}
